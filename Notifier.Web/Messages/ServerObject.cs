using System.Text.Json;
using System.Text.Json.Serialization;
using Notifier.Names;

namespace Notifier.Messages;

/// <summary>
/// A JSON object of the server, other than messages and their gaps (see <see cref="JsonFormat"/>). Properties that the type does not
/// use are null and omitted. docs/protocol.md describes all types.
/// </summary>
internal sealed record ServerObject
{
    public required string Type { get; init; }

    /// <summary>The command's own id, exactly as the client wrote it.</summary>
    public JsonElement? Id { get; init; }

    public string? Channel { get; init; }

    public string? Pattern { get; init; }

    /// <summary>For programs; never changes its meaning.</summary>
    public string? Code { get; init; }

    /// <summary>For people.</summary>
    public string? Message { get; init; }

    public string? Position { get; init; }

    /// <summary>Whether all messages since the given position follow. Null if the client gave none.</summary>
    public bool? Recovered { get; init; }

    /// <summary>How many messages were lost; null if unknown.</summary>
    public long? Lost { get; init; }

    public string? Connection { get; init; }

    /// <summary>Seconds: the server sends something at least this often.</summary>
    public int? KeepAlive { get; init; }

    public ServerLimits? Limits { get; init; }

    /// <summary>Seconds after which the client should reconnect.</summary>
    public double? RetryAfter { get; init; }

    /// <summary>Seconds until the access expires, unless the client renews it.</summary>
    public int? In { get; init; }

    public static ServerObject For(string type, Name name) => new()
    {
        Type = type,
        Channel = name.Kind == NameKind.Channel ? name.Text : null,
        Pattern = name.Kind == NameKind.Pattern ? name.Text : null,
    };

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ServerJson.Default.ServerObject);
}

/// <summary>The values of <c>Limits</c> that concern clients, in the units of the configuration.</summary>
internal sealed record ServerLimits(
    int FrameBytes, int NamesPerConnection, int PatternsPerConnection, int NameBytes, int PatternBytes, int PatternStars, int CommandsPerSecond,
    int CommandBurst, int PayloadBytes);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ServerObject))]
internal sealed partial class ServerJson : JsonSerializerContext;
