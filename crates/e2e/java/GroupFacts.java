import java.io.DataInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.*;

/**
 * Asks a broker everything that groups can be asked, in every version, and prints what it answers.
 * Ids that brokers draw at random are replaced, so that two brokers can be compared line by line.
 */
public class GroupFacts {
    static final byte[] NOTHING = new byte[0];
    static String host;
    static int port;
    static Uuid topicId;
    static final Map<String, String> names = new TreeMap<>();

    /** One connection: what is sent on it is answered in order. */
    static class Line {
        final Socket socket = new Socket(host, port);
        final String name;
        final List<RequestHeader> open = new ArrayList<>();
        int correlation = 0;

        Line(String name) throws IOException {
            this.name = name;
        }

        Line send(AbstractRequest request) throws IOException {
            RequestHeader header = new RequestHeader(request.apiKey(), request.version(), name, correlation++);
            ByteBuffer body = request.serializeWithHeader(header);
            ByteBuffer frame = ByteBuffer.allocate(4 + body.remaining());
            frame.putInt(body.remaining()).put(body).flip();
            socket.getOutputStream().write(frame.array(), 0, frame.limit());
            open.add(header);
            return this;
        }

        AbstractResponse receive() throws IOException {
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] bytes = new byte[in.readInt()];
            in.readFully(bytes);
            return AbstractResponse.parseResponse(ByteBuffer.wrap(bytes), open.remove(0));
        }

        AbstractResponse ask(AbstractRequest request) throws IOException {
            send(request);
            AbstractResponse response = receive();
            if (response instanceof ListGroupsResponse list) {
                list.data().groups().sort(java.util.Comparator.comparing(ListGroupsResponseData.ListedGroup::groupId));
            }
            print(request.apiKey() + " v" + request.version(), response.data());
            return response;
        }

        void print(String what, ApiMessage data) {
            String text = data.toString().replaceAll("throttleTimeMs=0, ", "");
            for (Map.Entry<String, String> name : names.entrySet()) {
                text = text.replace(name.getKey(), name.getValue());
            }
            text = text.replaceAll("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID");
            // every broker has its own words
            text = text.replaceAll("errorMessage=('[^']*'|null)", "errorMessage=TEXT");
            text = text.replace("port=" + port, "port=PORT");
            System.out.println(name + " " + what + ": " + text);
        }
    }

    static JoinGroupRequest join(int version, String group, String member, String instance, String type, String... protocols) {
        JoinGroupRequestData data = new JoinGroupRequestData()
            .setGroupId(group).setMemberId(member).setSessionTimeoutMs(10_000).setRebalanceTimeoutMs(10_000)
            .setProtocolType(type);
        if (version >= 5) data.setGroupInstanceId(instance);
        for (String protocol : protocols) {
            data.protocols().add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName(protocol).setMetadata(protocol.getBytes()));
        }
        return new JoinGroupRequest.Builder(data).build((short) version);
    }

    static SyncGroupRequest sync(int version, String group, String member, int generation, String... assignments) {
        SyncGroupRequestData data = new SyncGroupRequestData().setGroupId(group).setMemberId(member).setGenerationId(generation);
        if (version >= 5) data.setProtocolType("work").setProtocolName("range");
        for (int i = 0; i < assignments.length; i += 2) {
            data.assignments().add(new SyncGroupRequestData.SyncGroupRequestAssignment().setMemberId(assignments[i]).setAssignment(assignments[i + 1].getBytes()));
        }
        return new SyncGroupRequest.Builder(data).build((short) version);
    }

    static HeartbeatRequest heartbeat(int version, String group, String member, int generation) {
        return new HeartbeatRequest.Builder(new HeartbeatRequestData().setGroupId(group).setMemberId(member).setGenerationId(generation)).build((short) version);
    }

    static LeaveGroupRequest leave(int version, String group, String... members) {
        List<LeaveGroupRequestData.MemberIdentity> all = new ArrayList<>();
        for (String member : members) all.add(new LeaveGroupRequestData.MemberIdentity().setMemberId(member));
        return new LeaveGroupRequest.Builder(group, all).build((short) version);
    }

    static OffsetCommitRequest commit(int version, String group, String member, int generation, String topic, Uuid id, String note) {
        OffsetCommitRequestData data = new OffsetCommitRequestData().setGroupId(group).setMemberId(member).setGenerationIdOrMemberEpoch(generation);
        data.topics().add(new OffsetCommitRequestData.OffsetCommitRequestTopic().setName(topic).setTopicId(id).setPartitions(List.of(
            new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(0).setCommittedOffset(100 + version).setCommittedLeaderEpoch(version).setCommittedMetadata(note))));
        return new OffsetCommitRequest(data, (short) version);
    }

    static OffsetFetchRequest fetch(int version, String group, String topic, Uuid id, boolean all) {
        OffsetFetchRequestData data = new OffsetFetchRequestData();
        List<Integer> partitions = List.of(0, 7);
        if (version < 8) {
            data.setGroupId(group).setTopics(all ? null : List.of(new OffsetFetchRequestData.OffsetFetchRequestTopic().setName(topic).setPartitionIndexes(partitions)));
        } else {
            data.groups().add(new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId(group).setTopics(
                all ? null : List.of(new OffsetFetchRequestData.OffsetFetchRequestTopics().setName(topic).setTopicId(id).setPartitionIndexes(partitions))));
            data.groups().add(new OffsetFetchRequestData.OffsetFetchRequestGroup().setGroupId("nobody").setTopics(null));
        }
        return OffsetFetchRequest.parse(MessageUtil.toByteBufferAccessor(data, (short) version), (short) version);
    }

    static DescribeGroupsRequest describe(int version, String group) {
        DescribeGroupsRequestData data = new DescribeGroupsRequestData().setGroups(List.of(group));
        if (version >= 3) data.setIncludeAuthorizedOperations(true);
        return new DescribeGroupsRequest.Builder(data).build((short) version);
    }

    static ListGroupsRequest list(int version, List<String> states, List<String> types) {
        return new ListGroupsRequest.Builder(new ListGroupsRequestData().setStatesFilter(states).setTypesFilter(types)).build((short) version);
    }

    static FindCoordinatorRequest find(int version, int type, String key) {
        FindCoordinatorRequestData data = new FindCoordinatorRequestData().setKeyType((byte) type);
        if (version < 4) data.setKey(key); else data.setCoordinatorKeys(List.of(key));
        return new FindCoordinatorRequest.Builder(data).build((short) version);
    }

    static DeleteGroupsRequest delete(int version, String group) {
        return new DeleteGroupsRequest.Builder(new DeleteGroupsRequestData().setGroupsNames(List.of(group))).build((short) version);
    }

    static OffsetDeleteRequest forget(String group, String... topics) {
        OffsetDeleteRequestData data = new OffsetDeleteRequestData().setGroupId(group);
        for (String topic : topics) {
            data.topics().add(new OffsetDeleteRequestData.OffsetDeleteRequestTopic().setName(topic).setPartitions(List.of(
                new OffsetDeleteRequestData.OffsetDeleteRequestPartition().setPartitionIndex(0))));
        }
        return new OffsetDeleteRequest(data, (short) 0);
    }

    /** Joins as every version does, and gives the member's id. */
    static String member(Line line, int version, String group, String instance) throws IOException {
        JoinGroupResponseData first = ((JoinGroupResponse) line.ask(join(version, group, "", instance, "work", "range", "sticky"))).data();
        if (first.errorCode() == 0) return first.memberId();
        line.ask(join(version, group, first.memberId(), instance, "work", "range", "sticky"));
        return first.memberId();
    }

    static void everyVersion() throws IOException {
        Line line = new Line("every");
        for (int v = 0; v <= 9; v++) {
            String group = "group-" + v;
            String member = member(line, v, group, null);
            line.ask(sync(Math.min(v, 5), group, member, 1, member, "work for v" + v));
            line.ask(heartbeat(Math.min(v, 4), group, member, 1));
            line.ask(sync(Math.min(v, 5), group, member, 1));
            line.ask(sync(Math.min(v, 5), group, member, 9));
            line.ask(heartbeat(Math.min(v, 4), group, member, 9));
            line.ask(heartbeat(Math.min(v, 4), group, "stranger", 1));
            line.ask(join(v, group, "stranger", null, "work", "range"));
            line.ask(join(v, group, "", null, "other", "range"));
            line.ask(join(v, group, "", null, "work", "unknown"));
            line.ask(join(v, "", "", null, "work", "range"));
            line.ask(describe(Math.min(v, 6), group));
            line.ask(describe(Math.min(v, 6), "nobody-" + v));
            line.ask(commit(Math.max(2, v), group, member, 1, "facts", topicId, "note " + v));
            line.ask(commit(Math.max(2, v), group, member, 8, "facts", topicId, ""));
            line.ask(commit(Math.max(2, v), group, "stranger", 1, "facts", topicId, ""));
            line.ask(commit(Math.max(2, v), group, "", -1, "facts", topicId, ""));
            line.ask(delete(Math.min(v, 3), group));
            line.ask(leave(Math.min(v, 5), group, "stranger"));
            line.ask(leave(Math.min(v, 5), group, member));
            line.ask(leave(Math.min(v, 5), "nobody", member));
            line.ask(describe(Math.min(v, 6), group));
            line.ask(delete(Math.min(v, 3), group));
            line.ask(delete(Math.min(v, 3), "nobody"));
        }
    }

    static void offsets() throws IOException {
        Line line = new Line("offsets");
        for (int v = 2; v <= 10; v++) {
            line.ask(commit(v, "simple", "", -1, "facts", topicId, v % 2 == 0 ? "even" : null));
            line.ask(commit(v, "simple", "", -1, "no-such-topic", Uuid.fromString("AAAAAAAAAAAAAAAAAAAAZQ"), ""));
            line.ask(commit(v, "simple", "", -1, "facts", topicId, "x".repeat(5000)));
            line.ask(commit(v, "missing-" + v, "", 3, "facts", topicId, ""));
            line.ask(commit(v, "", "", -1, "facts", topicId, ""));
        }
        for (int v = 1; v <= 10; v++) {
            line.ask(fetch(v, "simple", "facts", topicId, false));
            line.ask(fetch(v, "simple", "no-such-topic", Uuid.fromString("AAAAAAAAAAAAAAAAAAAAZQ"), false));
            line.ask(fetch(v, "nobody", "facts", topicId, false));
            if (v >= 2) line.ask(fetch(v, "simple", "", topicId, true));
        }
        line.ask(forget("simple", "facts", "no-such-topic"));
        line.ask(fetch(8, "simple", "facts", topicId, false));
        line.ask(forget("nobody", "facts"));
        line.ask(forget("", "facts"));
        line.ask(delete(3, ""));
        line.ask(delete(3, "simple"));
    }

    static void staticMembers() throws IOException {
        Line one = new Line("one");
        Line two = new Line("two");
        for (int v = 5; v <= 9; v++) {
            String group = "static-" + v;
            String member = member(one, v, group, "instance");
            one.ask(sync(3, group, member, 1, member, "assigned"));
            String next = member(two, v, group, "instance");
            two.ask(sync(3, group, next, 1));
            one.ask(join(v, group, member, "instance", "work", "range", "sticky"));
            one.ask(new HeartbeatRequest.Builder(new HeartbeatRequestData().setGroupId(group).setMemberId(member).setGenerationId(1).setGroupInstanceId("instance")).build((short) 4));
            two.ask(describe(6, group));
            two.ask(new LeaveGroupRequest.Builder(group, List.of(
                new LeaveGroupRequestData.MemberIdentity().setGroupInstanceId("nobody"),
                new LeaveGroupRequestData.MemberIdentity().setGroupInstanceId("instance"))).build((short) 5));
        }
    }

    /** A second member calls the first in; the leader's work reaches both. */
    static void rebalance() throws IOException {
        Line a = new Line("a");
        Line b = new Line("b");
        String first = member(a, 9, "pair", null);
        names.put(first, "FIRST");
        a.ask(sync(5, "pair", first, 1, first, "alone"));
        JoinGroupResponseData offered = ((JoinGroupResponse) b.ask(join(9, "pair", "", null, "work", "range"))).data();
        String second = offered.memberId();
        names.put(second, "SECOND");
        b.send(join(9, "pair", second, null, "work", "range"));
        // until the coordinator has it: a heartbeat tells
        while (true) {
            a.send(heartbeat(4, "pair", first, 1));
            HeartbeatResponse response = (HeartbeatResponse) a.receive();
            if (response.data().errorCode() != 0) { a.print("heartbeat", response.data()); break; }
        }
        a.ask(sync(5, "pair", first, 1));
        a.ask(commit(9, "pair", first, 1, "facts", topicId, "before the next generation"));
        JoinGroupResponseData joined = ((JoinGroupResponse) a.send(join(9, "pair", first, null, "work", "range", "sticky")).receive()).data();
        System.out.println("a leads " + joined.leader().equals(first) + " of " + joined.members().size() + " in " + joined.generationId());
        b.print("joined", b.receive().data());
        a.ask(commit(9, "pair", first, 2, "facts", topicId, "while it is made"));
        b.send(sync(5, "pair", second, 2));
        a.ask(sync(5, "pair", first, 2, second, "its part", first, "my part"));
        b.print("synced", b.receive().data());
        a.ask(list(5, List.of("stable"), List.of("classic")));
        a.ask(list(4, List.of("Stable"), List.of()));
        a.ask(list(0, List.of(), List.of()));
        a.ask(list(5, List.of("Empty", "dead"), List.of()));
        a.ask(list(5, List.of(), List.of("consumer")));
        a.ask(leave(5, "pair", first, second, "stranger"));
        a.ask(delete(3, "pair"));
    }

    public static void main(String[] args) throws Exception {
        String[] parts = args[0].split(":");
        host = parts[0];
        port = Integer.parseInt(parts[1]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            admin.createTopics(List.of(new NewTopic("facts", 1, (short) 1))).all().get();
            topicId = admin.describeTopics(List.of("facts")).allTopicNames().get().get("facts").topicId();
            names.put(topicId.toString(), "FACTS");
            // makes the topic of offsets, and waits for it
            admin.listConsumerGroupOffsets("anybody").partitionsToOffsetAndMetadata().get();
        }
        Line line = new Line("find");
        for (int v = 0; v <= 6; v++) {
            line.ask(find(v, 0, "some-group"));
            if (v >= 1) line.ask(find(v, 9, "some-group"));
        }
        everyVersion();
        offsets();
        staticMembers();
        rebalance();
    }
}
