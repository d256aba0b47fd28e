"""What a campaign will take, sailed or not: frames, jobs, hours, bytes, and what holds it up."""
