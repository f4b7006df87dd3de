"""``carpus reads``: reading lists are drawn, and readers' bone ages are entered, one by one or from a file."""
