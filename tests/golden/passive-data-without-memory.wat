;; The probe needs some memory to name, so the instrumented module has one, of no pages.
(module
  (data $kept "kept")
  (data $dropped "dropped")
  (func (export "wizer-initialize") (data.drop $dropped))
  (func (export "use") (data.drop $kept)))
