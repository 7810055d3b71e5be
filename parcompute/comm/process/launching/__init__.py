"""Starting the ranks of a job, watching them, ending them."""
