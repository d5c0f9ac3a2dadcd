"""Submit work as jobs or as blocking calls: commands over one target or many, functions, operations of an SDK."""
