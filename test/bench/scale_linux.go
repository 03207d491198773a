package main

import "context"

func measureScale(ctx context.Context, o options) error { return nil }
