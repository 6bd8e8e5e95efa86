using System.Text.Json.Serialization;

namespace Notifier.Endpoints;

/// <summary>One message to be published.</summary>
internal sealed class PublishMessage
{
    /// <summary>The channel.</summary>
    public required string Channel { get; init; }

    /// <summary>The payload: a string. What is an object has to be made one (<c>JSON.stringify</c>).</summary>
    public required string Data { get; init; }
}

/// <summary>A message that Redis has taken.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="RedisReceivers">
/// To how many clients of Redis it went: servers such as this one, not browsers. Null on a Cluster.
/// </param>
internal sealed record Published(string Channel, long? RedisReceivers);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PublishMessage[]))]
[JsonSerializable(typeof(Published[]))]
internal sealed partial class PublishJson : JsonSerializerContext;
