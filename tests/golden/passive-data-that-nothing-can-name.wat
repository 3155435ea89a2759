;; Without a DataCount section no instruction can reach it, so it is left out.
(module binary
  "\00asm\01\00\00\00"
  "\01\04\01\60\00\00"                    ;; type: [] -> []
  "\03\02\01\00"                          ;; function
  "\05\03\01\00\01"                       ;; memory
  "\07\14\01\10wizer-initialize\00\00"    ;; export
  "\0a\0b\01\09\00\41\05\41\07\3a\00\00\0b" ;; code: store8 at 5 of 7
  "\0b\09\01\01\06unused")                ;; data: passive
