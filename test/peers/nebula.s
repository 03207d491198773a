// A function without body, as nebulaParse is, asks for an assembly file.
