"""What is measured and where: the machine, its cores, a server under test, its processes. Compares nothing."""
