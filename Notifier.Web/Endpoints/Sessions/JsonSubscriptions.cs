using System.Text.Json;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// Subscribes a connection with a JSON format to names, and replies to each command with a confirmation or a refusal, and the command's id. Called by
/// the connection's receive loop alone.
/// </summary>
internal sealed class JsonSubscriptions(Connection connection, JsonFormat format, ClientSubscriptions subscriptions, LimitsOptions limits) : IDisposable
{
    private readonly CancellationTokenSource ended = new();
    private int unconfirmed;

    public ReplyQueue Replies { get; } = new(connection);

    /// <summary>Sends a reply, after the earlier replies.</summary>
    public void Reply(ServerObject answer) => Replies.Add(() => connection.Send(format.Frame(answer)));

    /// <summary>Subscribes to a name. While Redis is unavailable, the reply waits for it.</summary>
    public void Subscribe(Name name, JsonElement? id = null, RecoveryRequest request = default)
    {
        var isSubscribed = subscriptions.TryGet(name, out var subscription);
        if (isSubscribed && subscription.Subscriber.Refusal is not null)
            isSubscribed = !subscriptions.TryRemove(name, static _ => { });
        // The position of a subscribed name stays where it is, so nothing is recovered.
        if (isSubscribed)
            Confirm(name, subscription, id, request.After is null ? new(null) : new(false, ServerCodes.AlreadySubscribed));
        else if (HasTooManyUnconfirmed)
            Reply(Overloaded(name, id));
        else if (subscriptions.TryAdd(name, OnDeniedByRedis, request, out subscription, out var refusal))
            Confirm(name, subscription, id, null);
        else
            Reply(Error(name, id, CodeOf(refusal), refusal.Message));
    }

    public void Unsubscribe(Name name, JsonElement? id)
    {
        var isSubscribed = subscriptions.TryGet(name, out var subscription) && subscription.Subscriber.Refusal is null;
        var isRemoved = subscriptions.TryRemove(name, static _ => { });
        Reply(isSubscribed && isRemoved
            ? ServerObject.For(ServerTypes.Unsubscribed, name) with { Id = id }
            : Error(name, id, ServerCodes.NotSubscribed, "this connection is not subscribed to the name"));
    }

    /// <summary>Replaces the grant. Unsubscribes each name that is no longer granted, and notifies the client of it.</summary>
    public void Apply(Grant grant) => subscriptions.Apply(grant, subscriber =>
    {
        // Otherwise the client was notified before.
        if (subscriber.Refusal is null)
        {
            var notice = ServerObject.For(ServerTypes.Unsubscribed, subscriber.Subscription.Name);
            connection.Send(format.Frame(notice with { Code = ServerCodes.Revoked, Message = "the new token does not grant the name" }));
        }
    });

    public void Dispose()
    {
        ended.Cancel();
        ended.Dispose();
    }

    private void Confirm(Name name, ClientSubscription subscription, JsonElement? id, RecoveryResult? recovery)
    {
        if (subscription.Live.IsCompleted)
            Replies.Add(() => Confirm(name, subscription, subscription.Live.IsCanceled ? "the server is shutting down" : subscription.Live.Result, id, recovery));
        else if (HasTooManyUnconfirmed)
            Reply(Overloaded(name, id));
        else
            _ = ConfirmAsync(name, subscription, id, recovery);
    }

    private bool HasTooManyUnconfirmed => Volatile.Read(ref unconfirmed) >= limits.NamesPerConnection * 2;

    private static ServerObject Overloaded(Name name, JsonElement? id) =>
        Error(name, id, ServerCodes.Overloaded, "Redis is unavailable or busy, and too many commands wait for it; try again later");

    private async Task ConfirmAsync(Name name, ClientSubscription subscription, JsonElement? id, RecoveryResult? recovery)
    {
        Interlocked.Increment(ref unconfirmed);
        try
        {
            var refusal = await subscription.Live.WaitAsync(ended.Token);
            connection.Post(() => Confirm(name, subscription, refusal, id, recovery));
        }
        catch (OperationCanceledException)
        {
            // The connection or the process ends.
        }
        finally
        {
            Interlocked.Decrement(ref unconfirmed);
        }
    }

    /// <summary>Runs as the owner.</summary>
    private void Confirm(Name name, ClientSubscription subscription, string? refusal, JsonElement? id, RecoveryResult? recovery)
    {
        var subscriber = subscription.Subscriber;
        if ((refusal ?? subscriber.Refusal) is { } reason)
            connection.Send(format.Frame(Error(name, id, ServerCodes.Forbidden, reason)));
        else if (subscriber.HasLeft)
            connection.Send(format.Frame(Error(name, id, ServerCodes.Cancelled, "the client unsubscribed before Redis confirmed the subscription")));
        else
        {
            var (recovered, code, _) = recovery ?? subscriber.RecoveryResult;
            var subscribed = ServerObject.For(ServerTypes.Subscribed, name) with { Id = id, Recovered = recovered, Code = code };
            connection.Send(format.Frame(subscribed, subscriber.Subscription.Identity, subscriber.Position));
            subscriber.Begin();
        }
    }

    /// <summary>Redis does not allow a name, or no longer. Before the confirmation, the reply to the command says so.</summary>
    private void OnDeniedByRedis(Subscriber subscriber, string reason) => connection.Post(() =>
    {
        if (!subscriber.HasBegun || subscriber.HasLeft)
            return;
        var notice = ServerObject.For(ServerTypes.Unsubscribed, subscriber.Subscription.Name) with { Code = ServerCodes.Forbidden, Message = reason };
        connection.Send(format.Frame(notice));
        subscriber.Leave();
    });

    private static ServerObject Error(Name name, JsonElement? id, string code, string message) =>
        ServerObject.For(ServerTypes.Error, name) with { Id = id, Code = code, Message = message };

    private static string CodeOf(NameRefusal refusal) => refusal.Kind switch
    {
        RefusalKind.Malformed => ServerCodes.Malformed,
        RefusalKind.Overloaded => ServerCodes.Overloaded,
        _ => ServerCodes.Forbidden,
    };
}
