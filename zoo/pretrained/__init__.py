"""From a name to a model's files and its weights.

resolve       the only place where a string is turned into a model's files, as a `Checkpoint`
checkpoint    a model that is not built yet: its config, and where its arrays lie
installed     the folders of weight sets on this machine: the package's, those of data packages, a checkout's
manifest      what every weight set is, as data        public    the same of models of other libraries
cache         where fetched files are kept             download  files from mirrors, web servers and the hub
hashes        whether a file is the one that is pinned
addresses     models at an address                     foreign   models in the layout of transformers or diffusers
arrays        arrays into and out of safetensors       converters/  arrays of other libraries into the zoo's models
loading       load, load_encoder, save                 verification verify, verify_reference_features            hub  push
"""
