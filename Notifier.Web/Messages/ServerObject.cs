using System.Text.Json;
using System.Text.Json.Serialization;
using Notifier.Names;

namespace Notifier.Messages;

/// <summary>
/// What the server says in JSON, besides messages and their gaps (see <see cref="JsonFormat"/>): what does not belong to the type
/// is null, and left out. docs/protocol.md has them all.
/// </summary>
internal sealed record ServerObject
{
    public required string Type { get; init; }

    /// <summary>The command's own id, as it was written.</summary>
    public JsonElement? Id { get; init; }

    public string? Channel { get; init; }

    public string? Pattern { get; init; }

    /// <summary>For programs; never changes its meaning.</summary>
    public string? Code { get; init; }

    /// <summary>For people.</summary>
    public string? Message { get; init; }

    public string? Position { get; init; }

    /// <summary>Whether all that was missed since the given position follows. Only where one was given.</summary>
    public bool? Recovered { get; init; }

    /// <summary>How many messages are gone, where that is known.</summary>
    public long? Lost { get; init; }

    public string? Connection { get; init; }

    /// <summary>Seconds: something comes from the server at least so often.</summary>
    public int? KeepAlive { get; init; }

    public ServerLimits? Limits { get; init; }

    /// <summary>Seconds.</summary>
    public double? RetryAfter { get; init; }

    /// <summary>In how many seconds access ends, unless it is renewed.</summary>
    public int? In { get; init; }

    public static ServerObject For(string type, Name name) => new()
    {
        Type = type,
        Channel = name.Kind == NameKind.Channel ? name.Text : null,
        Pattern = name.Kind == NameKind.Pattern ? name.Text : null,
    };

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ServerJson.Default.ServerObject);
}

/// <summary>What a client should know of <c>Limits</c>, in the units that they are configured in.</summary>
internal sealed record ServerLimits(
    int FrameBytes, int NamesPerConnection, int PatternsPerConnection, int NameBytes, int PatternBytes, int PatternStars, int CommandsPerSecond,
    int CommandBurst, int PayloadBytes);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ServerObject))]
internal sealed partial class ServerJson : JsonSerializerContext;
