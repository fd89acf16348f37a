"""Re-train with what was prescribed, and say whether it helped."""
