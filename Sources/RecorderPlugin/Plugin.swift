import NBDKit
