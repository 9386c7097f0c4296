"""What is known of each inference engine: versions, legal layouts, start-up checks, flags."""
