// sarama as a keyed producer and a counting consumer.
//
//	sarama produce BOOTSTRAP TOPIC CODEC          KEY:VALUE lines on standard input
//	sarama consume BOOTSTRAP TOPIC GROUP COUNT    prints KEY COUNT lines, sorted
//	sarama surface BOOTSTRAP                      see surface.go
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

	"github.com/IBM/sarama"
)

const patience = 2 * time.Minute

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	action, bootstrap := os.Args[1], os.Args[2]
	switch action {
	case "produce":
		produce(bootstrap, os.Args[3], os.Args[4])
	case "consume":
		count, err := strconv.Atoi(os.Args[5])
		check(err)
		consume(ctx, bootstrap, os.Args[3], os.Args[4], count)
	case "surface":
		surface(ctx, bootstrap)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func settings() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Producer.Return.Successes = true
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	return config
}

func produce(bootstrap, topic, codec string) {
	config := settings()
	config.Producer.Return.Successes = false
	check(config.Producer.Compression.UnmarshalText([]byte(codec)))
	producer, err := sarama.NewAsyncProducer([]string{bootstrap}, config)
	check(err)
	go func() {
		for err := range producer.Errors() {
			log.Fatal(err)
		}
	}()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		key, value, _ := bytes.Cut(bytes.Clone(lines.Bytes()), []byte(":"))
		producer.Input() <- &sarama.ProducerMessage{
			Topic: topic,
			Key:   sarama.ByteEncoder(key),
			Value: sarama.ByteEncoder(value),
		}
	}
	check(lines.Err())
	check(producer.Close())
}

// counter is a group member that counts records a key until it has seen enough.
type counter struct {
	records chan *sarama.ConsumerMessage
}

func (counter) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (counter) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (c counter) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case record := <-claim.Messages():
			if record == nil {
				return nil
			}
			c.records <- record
			session.MarkMessage(record, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func consume(ctx context.Context, bootstrap, topic, group string, count int) {
	client, err := sarama.NewConsumerGroup([]string{bootstrap}, group, settings())
	check(err)
	reading, stop := context.WithCancel(ctx)
	own := counter{records: make(chan *sarama.ConsumerMessage, 1000)}
	ended := make(chan error)
	go func() {
		var err error
		for reading.Err() == nil && err == nil {
			err = client.Consume(reading, []string{topic}, own)
		}
		ended <- err
	}()
	totals := map[string]int{}
	for seen := 0; seen < count; seen++ {
		select {
		case record := <-own.records:
			totals[string(record.Key)]++
		case err := <-ended:
			log.Fatalf("after %d records: %v", seen, err)
		case <-ctx.Done():
			log.Fatalf("after %d records: %v", seen, ctx.Err())
		}
	}
	stop()
	check(<-ended)
	check(client.Close())
	keys := make([]string, 0, len(totals))
	for key := range totals {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		fmt.Println(key, totals[key])
	}
}
