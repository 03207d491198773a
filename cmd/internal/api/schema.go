package api

// Schema marks every JSON document that sgfw prints or sends. A change that
// would break a reader gets a new number.
const Schema = "sgfw/v1"
