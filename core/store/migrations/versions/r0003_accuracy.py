"""Map accuracy: studies, their random points, and the labels of people."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables of map accuracy."""
    op.create_table(
        "accuracy_studies",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("run", sa.String(128), nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("near_m", sa.Float, nullable=False),
        sa.Column("reviewed", sa.Boolean, nullable=False),
        sa.Column("strata", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accuracy_studies"))
    op.create_table(
        "accuracy_points",
        sa.Column("study", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("stratum", sa.String(16), nullable=False),
        sa.Column("lon", sa.Float, nullable=False),
        sa.Column("lat", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("study", "number", name="pk_accuracy_points"),
        sa.ForeignKeyConstraint(["study"], ["accuracy_studies.id"], name="fk_accuracy_points_study_accuracy_studies"))
    op.create_table(
        "accuracy_labels",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("label", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accuracy_labels"),
        sa.ForeignKeyConstraint(["study", "number"], ["accuracy_points.study", "accuracy_points.number"],
                                name="fk_accuracy_labels_study_accuracy_points"))
    op.create_index("ix_accuracy_labels_study", "accuracy_labels", ["study"])
