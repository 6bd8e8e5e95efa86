using System.Text.Json.Serialization;
using Notifier.History.Durable;

namespace Notifier.Endpoints.Http;

/// <summary>One message to be published.</summary>
internal sealed class PublishMessage
{
    /// <summary>The channel.</summary>
    public required string Channel { get; init; }

    /// <summary>The payload: a string. What is an object has to be made one (<c>JSON.stringify</c>).</summary>
    public required string Data { get; init; }

    /// <summary>Of two messages of a durable channel with the same key within ten minutes, the second is not published.</summary>
    public string? Key { get; init; }
}

/// <summary>A message that Redis has taken.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="RedisReceivers">
/// To how many clients of Redis it went: servers such as this one, not browsers. Null on a Cluster, and for a repeated one.
/// </param>
/// <param name="Position">Of a durable channel: what browsers can subscribe after.</param>
/// <param name="IsRepeated">Whether it had been published before, with the same key, and so was not now.</param>
internal sealed record PublishResponse(
    string Channel, long? RedisReceivers,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Position,
    [property: JsonPropertyName("repeated"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsRepeated)
{
    public static PublishResponse From(PublishRequest request, PublishResult result) => new(request.Channel, result.Receivers, result.Position, result.IsRepeated);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PublishMessage[]))]
[JsonSerializable(typeof(PublishResponse[]))]
internal sealed partial class PublishJson : JsonSerializerContext;
