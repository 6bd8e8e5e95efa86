using System.Text.Json.Serialization;
using Notifier.History.Durable;

namespace Notifier.Endpoints.Http;

/// <summary>One message to publish.</summary>
internal sealed class PublishMessage
{
    /// <summary>The channel.</summary>
    public required string Channel { get; init; }

    /// <summary>The payload, a string. Convert an object with <c>JSON.stringify</c>.</summary>
    public required string Data { get; init; }

    /// <summary>Of two messages of a durable channel with the same key within ten minutes, the second is not published.</summary>
    public string? Key { get; init; }
}

/// <summary>A published message.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="RedisReceivers">
/// How many clients of Redis received it: servers such as this one, not browsers. Null on a Cluster, and for a repeated message.
/// </param>
/// <param name="Position">Browsers can subscribe after it. Null if the channel is not durable.</param>
/// <param name="IsRepeated">Whether a message with the same key was published before, so that this one was not.</param>
internal sealed record PublishResponse(
    string Channel, long? RedisReceivers,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Position,
    [property: JsonPropertyName("repeated"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsRepeated)
{
    public static PublishResponse From(PublishRequest request, PublishResult result) =>
        new(request.Channel, result.Receivers, result.Position, result.Status == PublishStatus.Repeated);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PublishMessage[]))]
[JsonSerializable(typeof(PublishResponse[]))]
internal sealed partial class PublishJson : JsonSerializerContext;
