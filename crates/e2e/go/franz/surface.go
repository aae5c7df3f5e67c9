// What franz-go can ask of a broker, and what comes back, a fact a line: two brokers are alike if
// they make it print the same.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"klamm/e2e/facts"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	surfaceTopic = "surface-franz"
	sharedTopic  = "shared-franz"
	readers      = "franz-readers"
	sharers      = "franz-sharers"
	bigBytes     = 900_000
	epochMs      = int64(1_700_000_000_000)
)

// explorer asks one broker.
type explorer struct {
	ctx       context.Context
	bootstrap string
	admin     *kadm.Client
}

func surface(ctx context.Context, bootstrap string) {
	e := explorer{ctx: ctx, bootstrap: bootstrap}
	client := e.client()
	defer client.Close()
	e.admin = kadm.NewClient(client)
	e.topics()
	e.configs()
	e.produce()
	e.consume()
	e.offsets()
	e.rebalance()
	e.ends()
}

func (e explorer) client(options ...kgo.Opt) *kgo.Client {
	// a topic that is missing stays so: no attempts to find it again
	own := []kgo.Opt{kgo.SeedBrokers(e.bootstrap), kgo.UnknownTopicRetries(0), kgo.RequestRetries(3)}
	return facts.Must(kgo.NewClient(append(own, options...)...))
}

func fact(name string, values ...any) {
	facts.Print(errorName, name, values...)
}

func errorName(err error) string {
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

func (e explorer) topics() {
	retention, wrong := "3600000", "long"
	create := func(partitions int32, replicas int16, topic string, value *string) {
		configs := map[string]*string{}
		if value != nil {
			configs["retention.ms"] = value
		}
		made, err := e.admin.CreateTopic(e.ctx, partitions, replicas, configs, topic)
		fact("create", topic, err, made.NumPartitions, made.ReplicationFactor, facts.Text(made.Configs["retention.ms"].Value))
	}
	create(3, -1, surfaceTopic, &retention)
	create(1, 1, surfaceTopic, nil)
	create(1, 1, "not/a/name", nil)
	create(1, 7, "franz-replicas", nil)
	create(0, 1, "franz-partitions", nil)
	create(1, 1, "franz-config", &wrong)
	for name, dry := range facts.Must(e.admin.ValidateCreateTopics(e.ctx, 2, 1, nil, "franz-dry")) {
		fact("create only validated", name, dry.Err, dry.NumPartitions)
	}
	facts.Until(e.ctx, "the topic", func() bool {
		return len(facts.Must(e.admin.ListTopics(e.ctx, surfaceTopic))[surfaceTopic].Partitions) == 3
	})
	grown, err := e.admin.CreatePartitions(e.ctx, 1, surfaceTopic)
	fact("grow", err, grown[surfaceTopic].Err)
	shrunk, err := e.admin.UpdatePartitions(e.ctx, 2, surfaceTopic)
	fact("shrink", err, shrunk[surfaceTopic].Err)
	var detail kadm.TopicDetail
	facts.Until(e.ctx, "four partitions", func() bool {
		detail = facts.Must(e.admin.ListTopics(e.ctx, surfaceTopic))[surfaceTopic]
		return len(detail.Partitions) == 4
	})
	for _, p := range detail.Partitions.Sorted() {
		fact("described", p.Partition, p.Leader, p.Replicas, p.ISR, p.OfflineReplicas, p.Err)
	}
	fact("describe unknown", facts.Must(e.admin.ListTopics(e.ctx, "franz-missing"))["franz-missing"].Err)
	_, err = e.admin.DeleteTopic(e.ctx, "franz-missing")
	fact("delete unknown", err)
}

func (e explorer) described() []kadm.Config {
	described := facts.Must(facts.Must(e.admin.DescribeTopicConfigs(e.ctx, surfaceTopic)).On(surfaceTopic, nil))
	slices.SortFunc(described.Configs, func(a, b kadm.Config) int { return strings.Compare(a.Key, b.Key) })
	return described.Configs
}

func (e explorer) awaitConfig(key, wanted string) {
	facts.Until(e.ctx, key+"="+wanted, func() bool {
		return slices.ContainsFunc(e.described(), func(c kadm.Config) bool {
			return c.Key == key && facts.Text(c.Value) == wanted
		})
	})
}

func (e explorer) configs() {
	for _, config := range e.described() {
		synonyms := []string{}
		for _, s := range config.Synonyms {
			synonyms = append(synonyms, fmt.Sprint(s.Key, "=", facts.Text(s.Value), "/", s.Source))
		}
		fact("config", config.Key, facts.Text(config.Value), config.Source, config.Sensitive, synonyms)
	}
	alter := func(op kadm.IncrementalOp, name, value string) {
		change := []kadm.AlterConfig{{Op: op, Name: name, Value: &value}}
		altered := facts.Must(e.admin.AlterTopicConfigs(e.ctx, change, surfaceTopic))
		fact("alter", name, value, altered[0].Err)
	}
	alter(kadm.SetConfig, "retention.ms", "7200000")
	alter(kadm.SetConfig, "retention.ms", "long")
	alter(kadm.SetConfig, "no.such.key", "x")
	alter(kadm.AppendConfig, "retention.ms", "1")
	alter(kadm.AppendConfig, "cleanup.policy", "compact")
	e.awaitConfig("cleanup.policy", "delete,compact")
	alter(kadm.SubtractConfig, "cleanup.policy", "compact")
	e.awaitConfig("cleanup.policy", "delete")
	state := []kadm.AlterConfig{{Name: "max.message.bytes", Value: kadm.StringPtr("1000012")}}
	fact("alter all", facts.Must(e.admin.AlterTopicConfigsState(e.ctx, state, surfaceTopic))[0].Err)
	e.awaitConfig("retention.ms", "604800000")
	missing := facts.Must(e.admin.DescribeTopicConfigs(e.ctx, "franz-missing"))
	fact("describe unknown", missing[0].Err)
}

func (e explorer) produce() {
	producer := e.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(4<<20),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer producer.Close()
	var records []*kgo.Record
	for i := range int64(40) {
		records = append(records, &kgo.Record{
			Topic: surfaceTopic, Partition: int32(i % 4), Timestamp: time.UnixMilli(epochMs + 1000*i),
			Key: fmt.Appendf(nil, "key-%d", i), Value: fmt.Appendf(nil, "value %d", i),
			Headers: []kgo.RecordHeader{{Key: "number", Value: fmt.Append(nil, i)}, {Key: "none"}, {Key: "number"}},
		})
	}
	records = append(records,
		&kgo.Record{Topic: surfaceTopic, Key: []byte("dead"), Timestamp: time.UnixMilli(epochMs + 50_000)},
		&kgo.Record{Topic: surfaceTopic, Value: bytes.Repeat([]byte{'x'}, bigBytes), Timestamp: time.UnixMilli(epochMs + 60_000)})
	results := producer.ProduceSync(e.ctx, records...)
	slices.SortFunc(results, func(a, b kgo.ProduceResult) int { return byPlace(a.Record, b.Record) })
	for _, result := range results {
		fact("produced", result.Record.Partition, result.Record.Offset, result.Err)
	}
	for _, refused := range []*kgo.Record{
		{Topic: surfaceTopic, Value: bytes.Repeat([]byte{'x'}, 2_000_000)},
		{Topic: surfaceTopic, Partition: 17, Value: []byte("x")},
		{Topic: "franz-missing", Value: []byte("x")},
		{Topic: "not/a/name", Value: []byte("x")},
	} {
		err := producer.ProduceSync(e.ctx, refused).FirstErr()
		fact("refused", refused.Topic, refused.Partition, len(refused.Value), err)
	}
}

func byPlace(a, b *kgo.Record) int {
	return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// readFrom yields how many records lie from these offsets to the ends, and shows them.
func (e explorer) readFrom(offsets kadm.ListedOffsets, show bool) int {
	ends := facts.Must(e.admin.ListEndOffsets(e.ctx, surfaceTopic))
	from, missing := map[int32]kgo.Offset{}, 0
	offsets.Each(func(o kadm.ListedOffset) {
		end, _ := ends.Lookup(o.Topic, o.Partition)
		from[o.Partition] = kgo.NewOffset().At(o.Offset)
		missing += int(end.Offset - o.Offset)
	})
	reader := e.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{surfaceTopic: from}),
		kgo.FetchMaxPartitionBytes(1000))
	defer reader.Close()
	var records []*kgo.Record
	for len(records) < missing {
		fetches := reader.PollFetches(e.ctx)
		for _, err := range fetches.Errors() {
			log.Fatal(err)
		}
		records = append(records, fetches.Records()...)
	}
	slices.SortFunc(records, byPlace)
	for _, r := range records {
		if show {
			fact("record", r.Partition, r.Offset, r.Timestamp.UnixMilli(), r.LeaderEpoch, r.Attrs, string(r.Key),
				r.Value == nil, string(r.Value[:min(100, len(r.Value))]), len(r.Value), r.Headers)
		}
	}
	return len(records)
}

func (e explorer) consume() {
	fact("all", e.readFrom(facts.Must(e.admin.ListStartOffsets(e.ctx, surfaceTopic)), true))
	for _, when := range []int64{0, epochMs + 20_500, epochMs + 39_000, epochMs + 1_000_000_000} {
		at := facts.Must(e.admin.ListOffsetsAfterMilli(e.ctx, when, surfaceTopic))
		for _, o := range at.Offsets().Sorted() {
			fact("at", when, o.Partition, o.At)
		}
		fact("from there", e.readFrom(at, false))
	}
	fact("from the end", e.readFrom(facts.Must(e.admin.ListEndOffsets(e.ctx, surfaceTopic)), false))
	beyond := map[string]map[int32]kgo.Offset{surfaceTopic: {0: kgo.NewOffset().At(999)}}
	lost := e.client(kgo.ConsumePartitions(beyond), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	defer lost.Close()
	fact("out of range", lost.PollFetches(e.ctx).Errors()[0].Err)
}

func (e explorer) offsets() {
	committed := kadm.Offsets{}
	committed.Add(kadm.Offset{Topic: surfaceTopic, Partition: 0, At: 5, LeaderEpoch: 0, Metadata: "why"})
	committed.Add(kadm.Offset{Topic: surfaceTopic, Partition: 1, At: 7, LeaderEpoch: -1})
	show := func() {
		fetched := facts.Must(e.admin.FetchOffsets(e.ctx, readers))
		for _, o := range fetched.Sorted() {
			fact("committed", o.Partition, o.At, o.LeaderEpoch, o.Metadata, o.Err)
		}
	}
	fact("commit", e.admin.CommitAllOffsets(e.ctx, readers, committed))
	show()
	reset := kadm.Offsets{}
	reset.AddOffset(surfaceTopic, 0, 0, -1)
	fact("reset", e.admin.CommitAllOffsets(e.ctx, readers, reset))
	show()
	gone := kadm.TopicsSet{}
	gone.Add(surfaceTopic, 1)
	fact("forget", facts.Must(e.admin.DeleteOffsets(e.ctx, readers, gone)).Error())
	show()
	for _, group := range facts.Must(e.admin.DescribeGroups(e.ctx, readers, "franz-nobody")).Sorted() {
		fact("group", group.Group, group.State, group.ProtocolType, group.Protocol, len(group.Members), group.Err)
	}
	for _, group := range facts.Must(e.admin.DeleteGroups(e.ctx, readers, "franz-nobody")).Sorted() {
		fact("delete group", group.Group, group.Err)
	}
}

// member polls until it is stopped; how many partitions it has is kept in shares.
func (e explorer) member(seat int, shares *sync.Map) (stop func()) {
	count := func(sign int) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, moved map[string][]int32) {
			had, _ := shares.LoadOrStore(seat, 0)
			shares.Store(seat, had.(int)+sign*len(moved[sharedTopic]))
		}
	}
	client := e.client(kgo.ConsumerGroup(sharers), kgo.ConsumeTopics(sharedTopic),
		kgo.InstanceID(fmt.Sprint("seat-", seat)), kgo.HeartbeatInterval(100*time.Millisecond),
		kgo.SessionTimeout(6*time.Second), kgo.OnPartitionsAssigned(count(1)),
		kgo.OnPartitionsRevoked(count(-1)), kgo.OnPartitionsLost(count(-1)))
	done := make(chan struct{})
	go func() {
		for !client.PollFetches(e.ctx).IsClientClosed() {
		}
		close(done)
	}()
	return func() {
		client.Close()
		<-done
		shares.Delete(seat)
	}
}

func (e explorer) rebalance() {
	_, err := e.admin.CreateTopic(e.ctx, 6, 1, nil, sharedTopic)
	fact("create", sharedTopic, err)
	shares := &sync.Map{}
	sizes := func(wanted ...int) func() bool {
		return func() bool {
			var own []int
			shares.Range(func(_, share any) bool { own = append(own, share.(int)); return true })
			slices.Sort(own)
			return reflect.DeepEqual(own, wanted)
		}
	}
	var stops []func()
	for seat := range 3 {
		stops = append(stops, e.member(seat, shares))
	}
	facts.Until(e.ctx, "two each", sizes(2, 2, 2))
	var group kadm.DescribedGroup
	facts.Until(e.ctx, "a stable group", func() bool {
		group = facts.Must(e.admin.DescribeGroups(e.ctx, sharers))[sharers]
		return group.State == "Stable"
	})
	for _, m := range group.Members {
		assigned, _ := m.Assigned.AsConsumer()
		fact("member", facts.Text(m.InstanceID), m.ClientID, group.Protocol, len(assigned.Topics[0].Partitions))
	}
	_, err = e.admin.DeleteGroup(e.ctx, sharers)
	fact("delete while used", err)
	stops[0]()
	stops[0] = e.member(0, shares)
	facts.Until(e.ctx, "its seat again", sizes(2, 2, 2))
	stops[2]()
	left := facts.Must(e.admin.LeaveGroup(e.ctx, kadm.LeaveGroup(sharers).InstanceIDs("seat-2", "seat-9")))
	for _, member := range left.Sorted() {
		fact("leave", member.InstanceID, member.Err)
	}
	facts.Until(e.ctx, "three each", sizes(3, 3))
	stops[0]()
	stops[1]()
}

func (e explorer) ends() {
	below := kadm.Offsets{}
	below.AddOffset(surfaceTopic, 0, 3, -1)
	below.AddOffset(surfaceTopic, 1, 999, -1)
	for _, deleted := range facts.Must(e.admin.DeleteRecords(e.ctx, below)).Sorted() {
		fact("delete records", deleted.Partition, deleted.LowWatermark, deleted.Err)
	}
	for _, list := range []func(context.Context, ...string) (kadm.ListedOffsets, error){
		e.admin.ListStartOffsets, e.admin.ListEndOffsets, e.admin.ListCommittedOffsets,
		e.admin.ListMaxTimestampOffsets, e.admin.ListLocalLogStartOffsets, e.admin.ListLatestRemoteOffsets,
	} {
		listed, _ := facts.Must(list(e.ctx, surfaceTopic)).Lookup(surfaceTopic, 0)
		fact("listed", listed.Offset, listed.Timestamp, listed.LeaderEpoch, listed.Err)
	}
	metadata := facts.Must(e.admin.BrokerMetadata(e.ctx))
	fact("cluster", metadata.Controller, metadata.Brokers.NodeIDs())
	for _, group := range facts.Must(e.admin.ListGroups(e.ctx)).Sorted() {
		if strings.HasPrefix(group.Group, "franz-") {
			fact("group", group.Group, group.ProtocolType)
		}
	}
	deleted, err := e.admin.DeleteTopics(e.ctx, surfaceTopic, sharedTopic)
	fact("delete", err, deleted[surfaceTopic].Err, deleted[sharedTopic].Err)
	facts.Until(e.ctx, "it is gone", func() bool {
		return facts.Must(e.admin.ListTopics(e.ctx, surfaceTopic))[surfaceTopic].Err != nil
	})
}
