"""What the pages share: navigation, the map, state, and words for errors."""
