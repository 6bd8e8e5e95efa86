using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>The subprotocol <c>notifier.v1</c>. Its connections have an id, and clients may authenticate within the connection.</summary>
internal sealed class NotifierV1Protocol : WebSocketProtocol
{
    private const int IdBytes = 12;

    public override string Subprotocol => NotifierV1.Subprotocol;

    public override WireFormat Format => NotifierV1.Format;

    /// <summary>Every caller may connect: <see cref="AccessFor"/> closes the connection of a client that has to send a token and does not.</summary>
    public override AccessRefusal? CheckCaller(ConnectionHost host, Caller caller) => null;

    public override ConnectionAccess AccessFor(ConnectionHost host, Caller caller)
    {
        var access = new ConnectionAccess(caller, host.Time.GetUtcNow(), Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(IdBytes)));
        if (caller.IsAnonymous && caller.SubscribeGrant.IsEmpty && host.Authenticator.AcceptsTokens)
            access.AwaitToken(host.Time.GetUtcNow());
        return access;
    }

    public override ClientSession Open(ConnectionHost host, Connection connection, ClientSubscriptions subscriptions) =>
        new NotifierV1Session(connection, subscriptions, host);
}

/// <summary>
/// One connection that speaks <c>notifier.v1</c>: each text frame is a command, and each command gets an answer. Only a frame that is not
/// JSON, and a token that is not valid, close the connection. docs/protocol.md describes the protocol for authors of clients.
/// </summary>
internal sealed class NotifierV1Session(Connection connection, ClientSubscriptions subscriptions, ConnectionHost host) : ClientSession(connection, host.Limits)
{
    /// <summary>A token takes a millisecond. The first one after the start takes longer, because its code is compiled; its subject is not to blame for that.</summary>
    private static readonly TimeSpan MaxTokenTime = TimeSpan.FromMilliseconds(10);

    private readonly JsonSubscriptions names = new(connection, NotifierV1.Format, subscriptions, host.Limits);
    private readonly ConnectionAccess access = connection.Access!;
    private Task authenticating = Task.CompletedTask;

    protected override string NotBinary => "send commands as text frames, not binary frames";

    public override void Begin(IEnumerable<Name> names)
    {
        this.names.Reply(Welcome(host.Limits));
        foreach (var name in names)
            this.names.Subscribe(name);
    }

    public override void Dispose()
    {
        names.Dispose();
        base.Dispose();
    }

    protected override Task WhenReadyAsync() => authenticating.IsCompletedSuccessfully ? names.Replies.WhenRoomAsync() : WhenAuthenticatedAsync();

    protected override Task WhenDoneAsync() => authenticating;

    /// <summary>Commands after <c>auth</c> are those of the caller that <c>auth</c> identifies, so they wait for its result.</summary>
    private async Task WhenAuthenticatedAsync()
    {
        await authenticating;
        await names.Replies.WhenRoomAsync();
    }

    protected override void Handle(string text)
    {
        if (ClientCommand.Parse(text) is not { } command)
            Close(CloseReason.Malformed("a frame is not JSON, or has more than 64 levels; send commands such as {\"type\":\"ping\"}"));
        else if (command.Problem is { } problem)
            names.Reply(Error(command.Id, ServerCodes.Invalid, problem));
        else
            Execute(command);
    }

    private void Execute(ClientCommand command)
    {
        switch (command.Type)
        {
            case "subscribe":
                names.Subscribe(command.Name, command.Id, command.Recovery);
                break;
            case "unsubscribe":
                names.Unsubscribe(command.Name, command.Id);
                break;
            case "ping":
                names.Reply(new ServerObject { Type = ServerTypes.Pong, Id = command.Id });
                break;
            case "auth" when host.Authenticator.AcceptsTokens:
                authenticating = AuthenticateAsync(command.Token!, command.Id);
                break;
            case "auth":
                names.Reply(Error(command.Id, ServerCodes.Unsupported, "this server does not accept tokens"));
                break;
            default:
                names.Reply(Error(command.Id, ServerCodes.UnknownType, "unknown type: send subscribe, unsubscribe, auth or ping"));
                break;
        }
    }

    /// <summary>
    /// Closes the connection if the token is invalid. A client that stayed connected without its grant would seem to work, and would miss its private messages.
    /// If the token cannot be checked now, the previous grant stays until it expires.
    /// </summary>
    private async Task AuthenticateAsync(string token, JsonElement? id)
    {
        // Thousands of clients that connect at once may share the address of an anonymous caller. So the time counts for the subject of the token.
        if (!access.Caller.IsAnonymous && host.CheckTime(ResourceOwner.Of(Address, access.Caller)) is { } tooOften)
        {
            names.Reply(Error(id, ServerCodes.Unavailable, tooOften.Text));
            return;
        }
        var began = ThreadTime.Now;
        var checking = host.Authenticator.AuthenticateAsync(token);
        var spent = ThreadTime.Since(began);    // not the wait for an authority
        var (caller, refusal) = await checking;
        if (refusal is null)
        {
            began = ThreadTime.Now;
            ChangeCaller(caller!, id);
            spent += ThreadTime.Since(began);
            host.ChargeTime(ResourceOwner.Of(Address, caller), spent < MaxTokenTime ? spent : MaxTokenTime);
        }
        else if (refusal.Kind == AccessRefusalKind.Unavailable)
            names.Reply(Error(id, ServerCodes.Unavailable, refusal.Message));
        else
            Close(refusal.ToClose());
    }

    private void ChangeCaller(Caller caller, JsonElement? id)
    {
        var wasAnonymous = access.Caller.IsAnonymous;
        if (!access.TryRenew(caller, host.Time.GetUtcNow()))
            return;     // access ended first, and the connection is being closed
        if (host.Authenticator.CheckDisconnected(caller) is { } refusal)
        {
            Close(refusal.ToClose());
            return;
        }
        names.Apply(caller.SubscribeGrant);
        names.Reply(new ServerObject { Type = ServerTypes.Authenticated, Id = id, In = host.Authenticator.SecondsLeft(caller) });
        // An anonymous caller was not subscribed to default names that require a token.
        foreach (var name in wasAnonymous ? host.DefaultsFor(caller.SubscribeGrant) : [])
        {
            if (!subscriptions.Contains(name))
                names.Subscribe(name);
        }
    }

    private ServerObject Welcome(LimitsOptions limits) => new()
    {
        Type = ServerTypes.Welcome,
        Connection = access.Id,
        KeepAlive = (int)Liveness.PingInterval.TotalSeconds,
        Limits = new(
            limits.FrameBytes, limits.NamesPerConnection, limits.PatternsPerConnection, limits.NameBytes, limits.PatternBytes,
            limits.PatternStars, limits.CommandsPerSecond, limits.CommandBurst, limits.PayloadBytes),
    };

    private static ServerObject Error(JsonElement? id, string code, string message) =>
        new() { Type = ServerTypes.Error, Id = id, Code = code, Message = message };
}
