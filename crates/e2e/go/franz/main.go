// franz-go as a keyed producer and a counting consumer.
//
//	franz produce BOOTSTRAP TOPIC CODEC          KEY:VALUE lines on standard input
//	franz consume BOOTSTRAP TOPIC GROUP COUNT    prints KEY COUNT lines, sorted
//	franz surface BOOTSTRAP                      see surface.go
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const patience = 2 * time.Minute

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	action, bootstrap := os.Args[1], os.Args[2]
	switch action {
	case "produce":
		produce(ctx, bootstrap, os.Args[3], os.Args[4])
	case "consume":
		count, err := strconv.Atoi(os.Args[5])
		if err != nil {
			log.Fatal(err)
		}
		consume(ctx, bootstrap, os.Args[3], os.Args[4], count)
	case "surface":
		surface(ctx, bootstrap)
	}
}

func produce(ctx context.Context, bootstrap, topic, codec string) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.DefaultProduceTopic(topic),
		kgo.AllowAutoTopicCreation(),
		kgo.ProducerBatchCompression(codecs[codec]),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		key, value, _ := bytes.Cut(bytes.Clone(lines.Bytes()), []byte(":"))
		client.Produce(ctx, &kgo.Record{Key: key, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				log.Fatal(err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		log.Fatal(err)
	}
}

func consume(ctx context.Context, bootstrap, topic, group string, count int) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumeTopics(topic),
		kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	totals := map[string]int{}
	for seen := 0; seen < count; {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			log.Fatalf("after %d records: %v", seen, errs)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			totals[string(record.Key)]++
			seen++
		})
	}
	if err := client.CommitUncommittedOffsets(ctx); err != nil {
		log.Fatal(err)
	}
	keys := make([]string, 0, len(totals))
	for key := range totals {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		fmt.Println(key, totals[key])
	}
}
