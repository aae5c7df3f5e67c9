// Prints the config tables of the Kafka on the class path, one key a line, fields between tabs:
// table, name, type, default, rule, importance, scope, internal, synonyms.
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.ConfigSynonym;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.QuotaConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.server.metrics.ClientMetricsConfigs;
import org.apache.kafka.storage.internals.log.LogConfig;

public class ConfigFacts {
    private static final Map<String, String> SCOPES = DynamicBrokerConfig.dynamicConfigUpdateModes();

    public static void main(String[] args) throws Exception {
        for (ConfigDef.ConfigKey key : LogConfig.configDefCopy().configKeys().values())
            print("topic", key, topicSynonyms(key.name));
        for (ConfigDef.ConfigKey key : AbstractKafkaConfig.CONFIG_DEF.configKeys().values())
            print("broker", key, brokerSynonyms(key.name));
        for (ConfigDef.ConfigKey key : QuotaConfig.brokerQuotaConfigs().configKeys().values())
            print("throttle", key, "");
        for (ConfigDef.ConfigKey key : GroupConfig.CONFIG_DEF.configKeys().values())
            print("group", key, GroupConfig.brokerSynonym(key.name).orElse(""));
        for (ConfigDef.ConfigKey key : ClientMetricsConfigs.configDef().configKeys().values())
            print("client-metrics", key, "");
    }

    private static String topicSynonyms(String name) {
        List<String> synonyms = new ArrayList<>();
        for (ConfigSynonym synonym
                : ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS.getOrDefault(name, List.of())) {
            String factor = synonym.converter().apply("1");
            synonyms.add(factor.equals("1") ? synonym.name() : synonym.name() + "*" + factor);
        }
        return String.join(",", synonyms);
    }

    private static String brokerSynonyms(String name) {
        List<String> synonyms = DynamicBrokerConfig.brokerConfigSynonyms(name, false);
        return synonyms.equals(List.of(name)) ? "" : String.join(",", synonyms);
    }

    private static void print(String table, ConfigDef.ConfigKey key, String synonyms)
            throws Exception {
        String value = !key.hasDefault() ? "<required>"
            : key.defaultValue == null ? "<null>"
            : ConfigDef.convertToString(key.defaultValue, key.type);
        boolean broker = table.equals("broker") || table.equals("throttle");
        String scope = broker ? SCOPES.getOrDefault(key.name, "read-only") : "read-only";
        System.out.println(String.join("\t", table, key.name, key.type.toString(), value,
            rule(key.validator), key.importance.toString(), scope,
            key.internalConfig ? "internal" : "public", synonyms));
    }

    private static String rule(ConfigDef.Validator rule) throws Exception {
        if (rule == null) return "any";
        if (rule instanceof ConfigDef.ValidList list)
            return "list " + list + (flag(list, "isEmptyAllowed") ? " or empty" : "")
                + (flag(list, "isNullAllowed") ? " or null" : "");
        return rule.toString();
    }

    private static boolean flag(Object object, String name) throws Exception {
        Field field = object.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field.getBoolean(object);
    }
}
