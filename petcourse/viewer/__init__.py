"""What all notebooks show things with: volumes, sinograms, figures. Nothing here knows of PET."""
