using System.Text.Json;
using System.Text.Json.Serialization;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.Endpoints.Http;

/// <summary>What to disconnect: either a subject or a connection.</summary>
/// <param name="Sub">All connections of this subject.</param>
/// <param name="Connection">The connection with this id, which its <c>welcome</c> contained.</param>
internal sealed record DisconnectRequest(string? Sub = null, string? Connection = null)
{
    public bool IsValid => Sub is { Length: > 0 } != Connection is { Length: > 0 };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(DisconnectRequest))]
[JsonSerializable(typeof(DisconnectResponse))]
internal sealed partial class DisconnectJson : JsonSerializerContext;

/// <summary>
/// Closes connections that a backend wants to disconnect, on all nodes: the node that gets the request publishes it in Redis, on a channel that no browser
/// can subscribe to or publish on. Does nothing without API keys, because then there are no requests.
/// </summary>
internal sealed partial class DisconnectListener(
    RedisBackplane backplane, RedisNames names, ConnectionRegistry connections, RecentDisconnections recent, ApiKeys keys,
    ILogger<DisconnectListener> logger) : StoppableService
{
    public const string Channel = "notifier:disconnect";

    private static readonly CloseReason Reason = RecentDisconnections.Disconnected.ToClose();

    private IConnectionMultiplexer? subscribed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!keys.Any)
            return;
        backplane.Restored += () => _ = SubscribeAsync();
        await SubscribeAsync().WaitAsync(stoppingToken);      // Redis may never be available
    }

    /// <summary>Subscribes once for each multiplexer, which subscribes again by itself after each reconnect, even if the first attempt failed.</summary>
    private async Task SubscribeAsync()
    {
        try
        {
            var subscriber = await backplane.SubscriberAsync();
            if (Interlocked.Exchange(ref subscribed, subscriber.Multiplexer) != subscriber.Multiplexer)
                await subscriber.SubscribeAsync(names.ToRedis(Name.Channel(Channel)), (_, request) => Disconnect(request));
        }
        catch (RedisServerException error)
        {
            Log.Refused(logger, Channel, error.Message);
        }
        catch (Exception error) when (error is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            // Redis is unavailable, or the process ends.
        }
    }

    /// <summary>Called by the Redis library for each message.</summary>
    private void Disconnect(RedisValue message)
    {
        if (Read(message) is not { } request)
        {
            Log.Invalid(logger, Channel);
            return;
        }
        // For callers that are connecting now. (A connection has no id before it is registered.)
        if (request.Sub is not null)
            recent.Add(request.Sub);
        var count = 0;
        connections.ForEach(connection =>
        {
            if (connection.Access is not { } access || !(request.Sub is { } sub ? access.Caller.Subject == sub : access.Id == request.Connection))
                return;
            _ = connection.CloseAsync(Reason);
            count++;
        });
        Log.Disconnected(logger, count);
    }

    private static DisconnectRequest? Read(RedisValue message)
    {
        try
        {
            return JsonSerializer.Deserialize((byte[])message!, DisconnectJson.Default.DisconnectRequest) is { IsValid: true } request ? request : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "POST /disconnect on another node does not reach this node: Redis does not allow this node to subscribe to {Channel}: {Error}")]
        public static partial void Refused(ILogger logger, string channel, string error);

        [LoggerMessage(2, LogLevel.Warning, "An invalid request was published on {Channel} and is ignored.")]
        public static partial void Invalid(ILogger logger, string channel);

        [LoggerMessage(3, LogLevel.Information, "A backend disconnected {Count} connections of this node.")]
        public static partial void Disconnected(ILogger logger, int count);
    }
}
