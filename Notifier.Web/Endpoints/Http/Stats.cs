using System.Text.Json.Serialization;

namespace Notifier.Endpoints.Http;

/// <summary>What a node does at this moment.</summary>
/// <param name="Version">Of Notifier, and the commit it was built from.</param>
/// <param name="UptimeSeconds">Since the process began.</param>
/// <param name="Connections">Those that are open.</param>
/// <param name="Names">What they subscribe to.</param>
/// <param name="TopTalkers">The names with the most messages a second, the busiest first.</param>
/// <param name="Delivered">What went out since the process began.</param>
/// <param name="Kept">What is kept of recent messages.</param>
/// <param name="Redis">The connection to Redis.</param>
internal sealed record Stats(
    string Version, long UptimeSeconds, ConnectionStats Connections, NameStats Names, IReadOnlyList<NameStat> TopTalkers, DeliveryStats Delivered,
    KeptStats Kept, RedisStats Redis);

/// <param name="Total">All of them.</param>
/// <param name="ByTransport">How many of each kind.</param>
internal sealed record ConnectionStats(int Total, IReadOnlyDictionary<string, int> ByTransport);

/// <param name="Total">How many names there are, lingering ones included.</param>
/// <param name="Subscribers">How many connections hold them, added up.</param>
/// <param name="Behind">How many of these have not been sent what came more than a second ago.</param>
/// <param name="Largest">The names with the most subscribers, as many as were asked for (<c>?names=</c>).</param>
internal sealed record NameStats(int Total, int Subscribers, int Behind, IReadOnlyList<NameStat> Largest);

/// <param name="Channel">Its name, where it is a channel.</param>
/// <param name="Pattern">Its name, where it is a pattern.</param>
/// <param name="Subscribers">How many connections hold it.</param>
/// <param name="Messages">How many messages came since it was subscribed.</param>
/// <param name="MessagesPerSecond">Smoothed over some ten seconds.</param>
internal sealed record NameStat(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Channel,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Pattern,
    int Subscribers, long Messages, double MessagesPerSecond);

internal sealed record DeliveryStats(long Messages, long Bytes);

internal sealed record KeptStats(long Bytes, long Limit);

/// <param name="State">up, away, refused or deaf.</param>
/// <param name="ProbeMilliseconds">How long the latest message took from this node through Redis and back.</param>
internal sealed record RedisStats(string State, double? ProbeMilliseconds);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Stats))]
internal sealed partial class StatsJson : JsonSerializerContext;
