"""Arrays of other libraries as variables of the zoo's models. No PyTorch needed.

Every family is a module here that says how its config reads in the zoo and what its arrays are called, see
`families.families`; `arrays` does the rest. Files are the business of `zoo.pretrained.foreign`.
"""
