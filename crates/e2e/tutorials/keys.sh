# Keys and groups as tutorials show them, word for word.
bin/kafka-topics.sh --bootstrap-server localhost:9092 --create --topic first_topic --partitions 3 --replication-factor 1
bin/kafka-topics.sh --bootstrap-server localhost:9092 --list
bin/kafka-console-producer.sh --bootstrap-server localhost:9092 --topic first_topic --property parse.key=true --property key.separator=: <<'END'
example key:example value
name:Stephane
END
bin/kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic first_topic --group my-first-application --from-beginning --property print.key=true --property key.separator=: --max-messages 2
bin/kafka-consumer-groups.sh --bootstrap-server localhost:9092 --list
bin/kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group my-first-application
bin/kafka-consumer-groups.sh --bootstrap-server localhost:9092 --group my-first-application --reset-offsets --to-earliest --execute --topic first_topic
bin/kafka-topics.sh --bootstrap-server localhost:9092 --delete --topic first_topic
