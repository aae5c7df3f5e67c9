// What sarama can ask of a broker, and what comes back, a fact a line: two brokers are alike if
// they make it print the same.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"klamm/e2e/facts"

	"github.com/IBM/sarama"
)

const (
	surfaceTopic = "surface-sarama"
	sharedTopic  = "shared-sarama"
	readers      = "sarama-readers"
	sharers      = "sarama-sharers"
	bigBytes     = 900_000
	epochMs      = int64(1_700_000_000_000)
)

// explorer asks one broker.
type explorer struct {
	ctx       context.Context
	bootstrap []string
	client    sarama.Client
	admin     sarama.ClusterAdmin
}

func surface(ctx context.Context, bootstrap string) {
	e := explorer{ctx: ctx, bootstrap: []string{bootstrap}}
	e.client = facts.Must(sarama.NewClient(e.bootstrap, e.settings()))
	e.admin = facts.Must(sarama.NewClusterAdminFromClient(e.client))
	e.topics()
	e.configs()
	e.produce()
	e.consume()
	e.offsets()
	e.rebalance()
	e.ends()
	check(e.admin.Close())
}

func (e explorer) settings() *sarama.Config {
	config := settings()
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.MaxMessageBytes = 4 << 20
	config.Producer.Retry.Max = 1
	config.Metadata.Retry.Max = 1
	config.Metadata.AllowAutoTopicCreation = false
	config.Consumer.Fetch.Default = 1000
	config.Consumer.Return.Errors = true
	return config
}

func fact(name string, values ...any) {
	facts.Print(errorName, name, values...)
}

// errorName leaves out the words that each broker has of its own.
func errorName(err error) string {
	var code sarama.KError
	if errors.As(err, &code) {
		return fmt.Sprint("error ", int16(code))
	}
	return err.Error()
}

func (e explorer) described(topic string) *sarama.TopicMetadata {
	return facts.Must(e.admin.DescribeTopics([]string{topic}))[0]
}

func (e explorer) topics() {
	retention, wrong := "3600000", "long"
	create := func(topic string, partitions int32, replicas int16, retention *string, dry bool) {
		detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: replicas}
		if retention != nil {
			detail.ConfigEntries = map[string]*string{"retention.ms": retention}
		}
		fact("create", topic, e.admin.CreateTopic(topic, detail, dry))
	}
	create(surfaceTopic, 3, 1, &retention, false)
	create(surfaceTopic, 1, 1, nil, false)
	create("not/a/name", 1, 1, nil, false)
	create("sarama-replicas", 1, 7, nil, false)
	create("sarama-partitions", 0, 1, nil, false)
	create("sarama-config", 1, 1, &wrong, false)
	create("sarama-dry", 1, 1, nil, true)
	fact("grow", e.admin.CreatePartitions(surfaceTopic, 4, nil, false))
	fact("shrink", e.admin.CreatePartitions(surfaceTopic, 2, nil, false))
	facts.Until(e.ctx, "four partitions", func() bool { return len(e.described(surfaceTopic).Partitions) == 4 })
	partitions := e.described(surfaceTopic).Partitions
	slices.SortFunc(partitions, func(a, b *sarama.PartitionMetadata) int { return cmp.Compare(a.ID, b.ID) })
	for _, p := range partitions {
		fact("described", p.ID, p.Leader, p.LeaderEpoch, p.Replicas, p.Isr, p.OfflineReplicas, p.Err)
	}
	fact("describe unknown", e.described("sarama-missing").Err)
	fact("delete unknown", e.admin.DeleteTopic("sarama-missing"))
}

func (e explorer) config(name string) string {
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: surfaceTopic, ConfigNames: []string{name}}
	return facts.Must(e.admin.DescribeConfig(resource))[0].Value
}

func (e explorer) configs() {
	all := facts.Must(e.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: surfaceTopic}))
	slices.SortFunc(all, func(a, b sarama.ConfigEntry) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range all {
		fact("config", c.Name, c.Value, c.ReadOnly, c.Default, c.Source, c.Sensitive, c.Type)
	}
	alter := func(op sarama.IncrementalAlterConfigsOperation, name, value string) {
		entries := map[string]sarama.IncrementalAlterConfigsEntry{name: {Operation: op, Value: &value}}
		fact("alter", name, value, e.admin.IncrementalAlterConfig(sarama.TopicResource, surfaceTopic, entries, false))
	}
	alter(sarama.IncrementalAlterConfigsOperationSet, "retention.ms", "7200000")
	alter(sarama.IncrementalAlterConfigsOperationSet, "retention.ms", "long")
	alter(sarama.IncrementalAlterConfigsOperationAppend, "cleanup.policy", "compact")
	facts.Until(e.ctx, "the appended", func() bool { return e.config("cleanup.policy") == "delete,compact" })
	alter(sarama.IncrementalAlterConfigsOperationSubtract, "cleanup.policy", "compact")
	facts.Until(e.ctx, "the default", func() bool { return e.config("cleanup.policy") == "delete" })
	bytesMax := "1000012"
	entries := map[string]*string{"max.message.bytes": &bytesMax}
	fact("alter all", e.admin.AlterConfig(sarama.TopicResource, surfaceTopic, entries, false))
	facts.Until(e.ctx, "the reset", func() bool { return e.config("retention.ms") == "604800000" })
}

func (e explorer) produce() {
	producer := facts.Must(sarama.NewSyncProducer(e.bootstrap, e.settings()))
	send := func(message sarama.ProducerMessage, key, value sarama.Encoder, at int64) {
		message.Key, message.Value, message.Timestamp = key, value, time.UnixMilli(epochMs+at)
		partition, offset, err := producer.SendMessage(&message)
		fact("produced", message.Topic, message.Partition, partition, offset, err)
	}
	for i := range int64(40) {
		headers := []sarama.RecordHeader{{Key: []byte("number"), Value: fmt.Append(nil, i)}, {Key: []byte("none")}}
		message := sarama.ProducerMessage{Topic: surfaceTopic, Partition: int32(i % 4), Headers: headers}
		key := sarama.StringEncoder(fmt.Sprint("key-", i))
		send(message, key, sarama.StringEncoder(fmt.Sprint("value ", i)), 1000*i)
	}
	own := sarama.ProducerMessage{Topic: surfaceTopic}
	send(own, sarama.StringEncoder("dead"), nil, 50_000)
	send(own, nil, sarama.ByteEncoder(make([]byte, bigBytes)), 60_000)
	check(producer.Close())
	for _, refused := range []sarama.ProducerMessage{
		{Topic: surfaceTopic, Value: sarama.ByteEncoder(make([]byte, 2_000_000))},
		{Topic: surfaceTopic, Partition: 17}, {Topic: "sarama-missing"}, {Topic: "not/a/name"},
	} {
		// a producer that is not idempotent can go on after a refusal
		config := e.settings()
		config.Producer.Idempotent = false
		producer = facts.Must(sarama.NewSyncProducer(e.bootstrap, config))
		send(refused, nil, refused.Value, 0)
		check(producer.Close())
	}
}

// readFrom yields how many records lie from `offset` to the end of a partition, and shows them.
func (e explorer) readFrom(partition int32, offset int64, show bool) int {
	end := facts.Must(e.client.GetOffset(surfaceTopic, partition, sarama.OffsetNewest))
	count := int(end - offset)
	if offset < 0 || count == 0 {
		return 0
	}
	consumer := facts.Must(sarama.NewConsumerFromClient(e.client))
	reader := facts.Must(consumer.ConsumePartition(surfaceTopic, partition, offset))
	for range count {
		var r *sarama.ConsumerMessage
		select {
		case r = <-reader.Messages():
		case err := <-reader.Errors():
			log.Fatal(err)
		case <-e.ctx.Done():
			log.Fatal(e.ctx.Err())
		}
		if show {
			headers := []string{}
			for _, h := range r.Headers {
				headers = append(headers, fmt.Sprintf("%s=%q", h.Key, h.Value))
			}
			value := string(r.Value[:min(100, len(r.Value))])
			fact("record", partition, r.Offset, r.Timestamp.UnixMilli(), string(r.Key), r.Value == nil,
				fmt.Sprintf("%q", value), len(r.Value), headers)
		}
	}
	check(reader.Close())
	return count
}

func (e explorer) consume() {
	for partition := range int32(4) {
		fact("all", partition, e.readFrom(partition, 0, true))
		for _, at := range []int64{0, epochMs + 20_500, epochMs + 39_000, epochMs + 1_000_000_000} {
			offset := facts.Must(e.client.GetOffset(surfaceTopic, partition, at))
			fact("at", at, partition, offset, e.readFrom(partition, offset, false))
		}
	}
	consumer := facts.Must(sarama.NewConsumerFromClient(e.client))
	_, err := consumer.ConsumePartition(surfaceTopic, 0, 999)
	fact("out of range", err)
	_, err = consumer.ConsumePartition("sarama-missing", 0, 0)
	fact("unknown topic", err)
}

func (e explorer) offsets() {
	show := func() {
		listed := facts.Must(e.admin.ListConsumerGroupOffsets(readers, map[string][]int32{surfaceTopic: {0, 1, 2}}))
		for _, p := range []int32{0, 1, 2} {
			block := listed.GetBlock(surfaceTopic, p)
			fact("committed", p, block.Offset, block.LeaderEpoch, block.Metadata, block.Err)
		}
	}
	commit := func(offsets map[int32]sarama.OffsetAndMetadata) {
		moved := map[string]map[int32]sarama.OffsetAndMetadata{surfaceTopic: offsets}
		answer := facts.Must(e.admin.AlterConsumerGroupOffsets(readers, moved, nil))
		fact("commit", answer.Errors[surfaceTopic])
	}
	commit(map[int32]sarama.OffsetAndMetadata{0: {Offset: 5, Metadata: "why"}, 1: {Offset: 7, LeaderEpoch: -1}})
	show()
	commit(map[int32]sarama.OffsetAndMetadata{0: {Offset: 0, LeaderEpoch: -1}})
	fact("forget", e.admin.DeleteConsumerGroupOffset(readers, surfaceTopic, 1))
	show()
	described := facts.Must(e.admin.DescribeConsumerGroups([]string{readers, "sarama-nobody"}))
	slices.SortFunc(described, func(a, b *sarama.GroupDescription) int { return strings.Compare(a.GroupId, b.GroupId) })
	for _, group := range described {
		fact("group", group.GroupId, group.State, group.ProtocolType, group.Protocol, len(group.Members), group.Err)
	}
	fact("delete group", e.admin.DeleteConsumerGroup(readers))
	fact("delete group", e.admin.DeleteConsumerGroup("sarama-nobody"))
}

// seat keeps in shares how many partitions a member has.
type seat struct {
	number int
	shares *sync.Map
}

func (s seat) Setup(session sarama.ConsumerGroupSession) error {
	s.shares.Store(s.number, len(session.Claims()[sharedTopic]))
	return nil
}

func (s seat) Cleanup(sarama.ConsumerGroupSession) error {
	s.shares.Delete(s.number)
	return nil
}

func (seat) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	<-session.Context().Done()
	return nil
}

// member joins until it is stopped.
func (e explorer) member(number int, shares *sync.Map) (stop func()) {
	config := e.settings()
	config.Consumer.Group.InstanceId = fmt.Sprint("seat-", number)
	config.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Return.Errors = false
	group := facts.Must(sarama.NewConsumerGroup(e.bootstrap, sharers, config))
	reading, cancel := context.WithCancel(e.ctx)
	done := make(chan struct{})
	go func() {
		for reading.Err() == nil {
			if err := group.Consume(reading, []string{sharedTopic}, seat{number, shares}); err != nil {
				log.Fatal(err)
			}
		}
		close(done)
	}()
	return func() {
		cancel()
		<-done
		check(group.Close())
	}
}

func (e explorer) rebalance() {
	fact("create", e.admin.CreateTopic(sharedTopic, &sarama.TopicDetail{NumPartitions: 6, ReplicationFactor: 1}, false))
	shares := &sync.Map{}
	sizes := func(wanted ...int) func() bool {
		return func() bool {
			var own []int
			shares.Range(func(_, share any) bool { own = append(own, share.(int)); return true })
			slices.Sort(own)
			return slices.Equal(own, wanted)
		}
	}
	var stops []func()
	for number := range 3 {
		stops = append(stops, e.member(number, shares))
	}
	facts.Until(e.ctx, "two each", sizes(2, 2, 2))
	var group *sarama.GroupDescription
	facts.Until(e.ctx, "a stable group", func() bool {
		group = facts.Must(e.admin.DescribeConsumerGroups([]string{sharers}))[0]
		return group.State == "Stable"
	})
	members := slices.SortedFunc(maps.Values(group.Members), func(a, b *sarama.GroupMemberDescription) int {
		return strings.Compare(facts.Text(a.GroupInstanceId), facts.Text(b.GroupInstanceId))
	})
	for _, m := range members {
		assigned := facts.Must(m.GetMemberAssignment())
		fact("member", facts.Text(m.GroupInstanceId), m.ClientId, group.Protocol, len(assigned.Topics[sharedTopic]))
	}
	fact("delete while used", e.admin.DeleteConsumerGroup(sharers))
	stops[0]()
	stops[0] = e.member(0, shares)
	facts.Until(e.ctx, "its seat again", sizes(2, 2, 2))
	stops[2]()
	left, err := e.admin.RemoveMemberFromConsumerGroup(sharers, []string{"seat-2", "seat-9"})
	fact("leave", err, left.Err, left.Members[0].Err, left.Members[1].Err)
	facts.Until(e.ctx, "three each", sizes(3, 3))
	stops[0]()
	stops[1]()
}

func (e explorer) ends() {
	fact("delete records", e.admin.DeleteRecords(surfaceTopic, map[int32]int64{0: 3}))
	fact("too many", e.admin.DeleteRecords(surfaceTopic, map[int32]int64{0: 999}) != nil)
	for _, at := range []int64{sarama.OffsetOldest, sarama.OffsetNewest, -3, -4} {
		listed := facts.Must(e.admin.ListOffsets(map[string]map[int32]int64{surfaceTopic: {0: at}}, nil))
		found := listed[surfaceTopic][0]
		fact("listed", at, found.Offset, found.Timestamp, found.Err)
	}
	brokers, controller, err := e.admin.DescribeCluster()
	fact("cluster", len(brokers), brokers[0].ID(), controller, err)
	groups := facts.Must(e.admin.ListConsumerGroups())
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		if strings.HasPrefix(group, "sarama-") {
			fact("group", group, groups[group])
		}
	}
	fact("delete", e.admin.DeleteTopic(surfaceTopic), e.admin.DeleteTopic(sharedTopic))
	facts.Until(e.ctx, "it is gone", func() bool { return e.described(surfaceTopic).Err != sarama.ErrNoError })
}
