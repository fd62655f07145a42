package pgwire

import (
	"context"
	"time"
)

func testContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 20*time.Second)
}
