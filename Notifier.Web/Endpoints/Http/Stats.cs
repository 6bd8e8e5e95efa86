using System.Text.Json.Serialization;

namespace Notifier.Endpoints.Http;

/// <summary>The current state of a node.</summary>
/// <param name="Version">The version of Notifier, and its commit.</param>
/// <param name="UptimeSeconds">Seconds since the process started.</param>
/// <param name="Connections">Open connections.</param>
/// <param name="Names">The names that they are subscribed to.</param>
/// <param name="TopTalkers">The names with the most messages a second, in descending order.</param>
/// <param name="Received">What Redis has delivered to this node since the process started.</param>
/// <param name="Delivered">What was sent since the process started.</param>
/// <param name="Kept">The memory of recent messages, and its limit.</param>
/// <param name="MemoryBytes">The physical memory of the process (its working set).</param>
/// <param name="Redis">The connection to Redis.</param>
internal sealed record Stats(
    string Version, long UptimeSeconds, ConnectionStats Connections, NameTotals Names, IReadOnlyList<TopName> TopTalkers, ReceivedStats Received,
    DeliveryStats Delivered, KeptStats Kept, long MemoryBytes, RedisStats Redis);

/// <param name="Total">All connections.</param>
/// <param name="ByTransport">Connections of each transport.</param>
internal sealed record ConnectionStats(int Total, IReadOnlyDictionary<string, int> ByTransport);

/// <param name="Total">The number of names, including lingering ones.</param>
/// <param name="Subscribers">The subscribers of all names, added up.</param>
/// <param name="Behind">How many of these have not yet been sent a message that arrived more than a second ago.</param>
/// <param name="Largest">The names with the most subscribers, as many as the request asks for (<c>?names=</c>).</param>
internal sealed record NameTotals(int Total, int Subscribers, int Behind, IReadOnlyList<TopName> Largest);

/// <param name="Channel">The name, if it is a channel.</param>
/// <param name="Pattern">The name, if it is a pattern.</param>
/// <param name="Subscribers">How many connections are subscribed to it.</param>
/// <param name="Messages">How many messages and gaps arrived since Notifier subscribed to it.</param>
/// <param name="MessagesPerSecond">The same per second, smoothed over about 10 s.</param>
internal sealed record TopName(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Channel,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Pattern,
    int Subscribers, long Messages, double MessagesPerSecond);

/// <param name="Messages">Messages, once for each of this node's subscriptions in Redis.</param>
internal sealed record ReceivedStats(long Messages);

internal sealed record DeliveryStats(long Messages, long Bytes);

internal sealed record KeptStats(long Bytes, long Limit);

/// <param name="State">One of up, away, refused, deaf.</param>
/// <param name="ProbeMilliseconds">How long the latest probe message took from this node through Redis and back.</param>
internal sealed record RedisStats(string State, double? ProbeMilliseconds);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Stats))]
internal sealed partial class StatsJson : JsonSerializerContext;
