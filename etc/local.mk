# examples, installed beside the documentation
