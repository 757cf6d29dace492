"""Conversion of models of other libraries. PyTorch is not required.

Each family of models is a module that translates its config and the names of its arrays, see `families.families`; `arrays`
assigns the arrays to variables. Files are handled by `zoo.pretrained.foreign`.
"""
