import java.time.Duration; import java.util.*; import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*; import org.apache.kafka.clients.consumer.*; import org.apache.kafka.common.*; import org.apache.kafka.common.serialization.*;
public class Golden {
  static String B;
  static KafkaConsumer<byte[],byte[]> c(String g, String id, String proto, String inst){ Properties p=new Properties(); p.put("bootstrap.servers",B); p.put("group.id",g); p.put("client.id",id); p.put("enable.auto.commit","false"); p.put("auto.offset.reset","earliest"); p.put("group.protocol",proto); if(inst!=null)p.put("group.instance.id",inst); if(proto.equals("classic")){p.put("session.timeout.ms","45000");p.put("max.poll.interval.ms","600000");} return new KafkaConsumer<>(p,new ByteArrayDeserializer(),new ByteArrayDeserializer()); }
  static void until(Callable<Boolean> f) throws Exception { for(int i=0;i<300;i++){ if(f.call()) return; } throw new RuntimeException("never"); }
  public static void main(String[] a) throws Exception { B=a[0];
    Admin admin=Admin.create(Map.of("bootstrap.servers",B));
    admin.createTopics(List.of(new NewTopic("orders",2,(short)1),new NewTopic("logs",1,(short)1))).all().get();
    Thread.sleep(1000);
    // a classic group of two, one of them static and restarted
    var m=c("app","dyn","classic",null); var s=c("app","stat","classic","inst-1");
    m.subscribe(List.of("orders")); s.subscribe(List.of("orders"));
    until(()->{m.poll(Duration.ofMillis(100)); s.poll(Duration.ofMillis(100)); return m.assignment().size()==1&&s.assignment().size()==1;});
    s.close(); var s2=c("app","stat2","classic","inst-1"); s2.subscribe(List.of("orders"));
    until(()->{m.poll(Duration.ofMillis(100)); s2.poll(Duration.ofMillis(100)); return s2.assignment().size()==1;});
    m.commitSync(Map.of(m.assignment().iterator().next(), new OffsetAndMetadata(11,Optional.of(0),"noté")));
    s2.commitSync(Map.of(s2.assignment().iterator().next(), new OffsetAndMetadata(22)));
    // one that became empty
    var e=c("past","one","classic",null); e.subscribe(List.of("logs")); until(()->{e.poll(Duration.ofMillis(100)); return e.assignment().size()==1;});
    e.commitSync(Map.of(new TopicPartition("logs",0), new OffsetAndMetadata(3))); e.close();
    // offsets without a group, some deleted again
    admin.alterConsumerGroupOffsets("simple",Map.of(new TopicPartition("orders",0),new OffsetAndMetadata(5),new TopicPartition("orders",1),new OffsetAndMetadata(6),new TopicPartition("logs",0),new OffsetAndMetadata(7))).all().get();
    admin.deleteConsumerGroupOffsets("simple",Set.of(new TopicPartition("orders",1))).all().get();
    // a deleted group
    admin.alterConsumerGroupOffsets("gone",Map.of(new TopicPartition("orders",0),new OffsetAndMetadata(9))).all().get();
    admin.deleteConsumerGroups(List.of("gone")).all().get();
    // the next protocol
    var n=c("modern","next","consumer",null); n.subscribe(List.of("orders")); until(()->{n.poll(Duration.ofMillis(100)); return n.assignment().size()==2;});
    n.commitSync(Map.of(new TopicPartition("orders",0), new OffsetAndMetadata(1)));
    System.out.println(admin.describeConsumerGroups(List.of("app","past","simple","modern")).all().get());
    for (String g: List.of("app","past","simple","modern")) System.out.println(g+" "+admin.listConsumerGroupOffsets(g).partitionsToOffsetAndMetadata().get());
    Runtime.getRuntime().halt(0);
  } }
