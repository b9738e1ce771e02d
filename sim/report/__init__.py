"""What people look at: tables, pictures, pages and documents, made from summaries and stored runs."""
