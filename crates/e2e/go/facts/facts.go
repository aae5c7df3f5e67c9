// Package facts prints what a client finds out about a broker, a fact a line, and waits for it.
package facts

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"
)

const pollInterval = 20 * time.Millisecond

// Print shows a fact; errorName leaves out of an error the words that each broker has of its own.
func Print(errorName func(error) string, name string, values ...any) {
	shown := make([]string, 0, len(values))
	for _, value := range values {
		if err, failed := value.(error); failed {
			value = errorName(err)
		}
		shown = append(shown, fmt.Sprintf("%v", value))
	}
	fmt.Println(name+":", strings.Join(shown, " "))
}

// Must is the value, or the end of the program.
func Must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// Until waits for what was acknowledged to be seen.
func Until(ctx context.Context, what string, attempt func() bool) {
	for !attempt() {
		if ctx.Err() != nil {
			log.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(pollInterval)
	}
}

// Text is a string that may be null.
func Text(value *string) string {
	if value == nil {
		return "null"
	}
	return *value
}
