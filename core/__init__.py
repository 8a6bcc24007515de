"""Landslide mapping without a screen: no Streamlit, no network and no GPU needed to import it."""
