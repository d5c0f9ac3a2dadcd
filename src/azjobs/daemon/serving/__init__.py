"""What clients and the processes of jobs ask for: who they are, what they may do, one method a request."""
