"""Pretrained models: from a name to files and weights.

resolve       from a name, folder or address to a `Checkpoint`; the only place that does this
checkpoint    a model that is not built yet: its config and its weight files
installed     folders of weight sets on this machine: of the package, of data packages and of a checkout
manifest      descriptions of all weight sets          public    descriptions of models of other libraries
cache         cache of downloaded files                download  files from mirrors, web servers and the Hub
hashes        comparison of files with known hashes
addresses     models at an address                     foreign   models in the layout of transformers or diffusers
arrays        variables to and from safetensors files  converters/  arrays of other libraries to the zoo's models
loading       load, load_encoder, save                 verification verify, verify_reference_features            hub  push
"""
