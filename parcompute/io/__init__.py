"""Files: arrays that users bring (`arrays`) and the HDF5 output (`layout`, `writers`, `reader`)."""
