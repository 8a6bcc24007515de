"""The ledger of detections: what was found, every version that people made of it, and conflicts."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of the ledger."""
    op.create_table(
        "detections",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("run", sa.String(128)),
        sa.Column("outline", sa.Integer),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("image_date", sa.String(10), nullable=False),
        sa.Column("parent", sa.String(36)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_detections"),
        sa.UniqueConstraint("run", "outline", name="uq_detections_run"))
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("detection", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("batch", sa.String(36), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("restores", sa.Integer),
        sa.Column("undoes", sa.String(36)),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("reviewed", sa.Float),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("class", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("certainty", sa.String(16), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("photos", sa.JSON, nullable=False),
        sa.Column("merged_into", sa.String(36)),
        sa.Column("record", sa.JSON, nullable=False),
        sa.Column("measured", sa.JSON, nullable=False),
        sa.Column("geometry", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
        sa.ForeignKeyConstraint(["detection"], ["detections.id"], name="fk_versions_detection_detections"),
        sa.UniqueConstraint("detection", "number", name="uq_versions_detection"))
    op.create_index("ix_versions_batch", "versions", ["batch"])
    op.create_table(
        "conflicts",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("detection", sa.String(36), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("edits", sa.JSON, nullable=False),
        sa.Column("settled", sa.Float),
        sa.Column("settled_by", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conflicts"),
        sa.ForeignKeyConstraint(["detection"], ["detections.id"], name="fk_conflicts_detection_detections"))
