"""What the store on Milvus is made of: address, connection, ledger, rows, filters, search."""
