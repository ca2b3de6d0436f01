import CNBDKit
