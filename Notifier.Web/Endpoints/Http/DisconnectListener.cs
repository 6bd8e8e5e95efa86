using System.Text.Json;
using System.Text.Json.Serialization;
using Notifier.Access;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.Endpoints.Http;

/// <summary>Whom to disconnect: one of the two.</summary>
/// <param name="Sub">All connections of whoever this is.</param>
/// <param name="Connection">The one that was told this in its <c>welcome</c>.</param>
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
/// What backends ask one node to do, all nodes do: it goes over Redis, on a channel that no browser can hear or publish on. Only where there are
/// API keys: else nobody can ask.
/// </summary>
internal sealed partial class DisconnectListener(
    RedisBackplane backplane, RedisNames names, ConnectionRegistry connections, RecentDisconnections recent, ApiKeys keys,
    ILogger<DisconnectListener> logger) : BackgroundService
{
    public const string Channel = "notifier:disconnect";

    private static readonly CloseReason Reason = RecentDisconnections.Disconnected.ToClose();

    private IConnectionMultiplexer? subscribed;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!keys.Any)
            return;
        backplane.Restored += () => _ = SubscribeAsync();
        await SubscribeAsync().WaitAsync(stoppingToken);      // Redis may never come
    }

    /// <summary>Once for each connection to Redis: one that is lost and comes back subscribes again by itself, also what it could not at first.</summary>
    private async Task SubscribeAsync()
    {
        try
        {
            var subscriber = await backplane.SubscriberAsync();
            if (Interlocked.Exchange(ref subscribed, subscriber.Multiplexer) != subscriber.Multiplexer)
                await subscriber.SubscribeAsync(names.ToRedis(Name.Channel(Channel)), (_, asked) => Disconnect(asked));
        }
        catch (RedisServerException error)
        {
            Log.Refused(logger, Channel, error.Message);
        }
        catch (Exception error) when (error is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            // It is away, or the process ends.
        }
    }

    /// <summary>Called by the library, for each message.</summary>
    private void Disconnect(RedisValue message)
    {
        if (Read(message) is not { } asked)
        {
            Log.Strange(logger, Channel);
            return;
        }
        // Those who are just coming are told by this; a connection has nothing to be called by until it is there.
        if (asked.Sub is not null)
            recent.Add(asked.Sub);
        var count = 0;
        connections.ForEach(connection =>
        {
            if (connection.Access is not { } access || !(asked.Sub is { } sub ? access.Caller.Subject == sub : access.Id == asked.Connection))
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
            return JsonSerializer.Deserialize((byte[])message!, DisconnectJson.Default.DisconnectRequest) is { IsValid: true } asked ? asked : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "POST /disconnect on another node will not reach this one: Redis does not allow it to subscribe to {Channel}: {Error}")]
        public static partial void Refused(ILogger logger, string channel, string error);

        [LoggerMessage(2, LogLevel.Warning, "Somebody published on {Channel} what is no disconnection.")]
        public static partial void Strange(ILogger logger, string channel);

        [LoggerMessage(3, LogLevel.Information, "A backend has {Count} connections of this node disconnected.")]
        public static partial void Disconnected(ILogger logger, int count);
    }
}
