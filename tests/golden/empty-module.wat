;; error: ERR_INIT_FUNC_MISSING
(module)
