module example.com/highlighter

go 1.24
