using System.Text;
using System.Text.RegularExpressions;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Tests.Support;
using StackExchange.Redis;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// Runs an example of the page: a server and a Redis configured as the example says, and the actions of everybody but the client.
/// </summary>
internal sealed partial class ExampleSetup : IAsyncDisposable
{
    private readonly Example example;
    private readonly RedisServer redis;
    private readonly SweptApp? swept;
    private readonly List<RawWebSocket> others = [];
    private Task stopping = Task.CompletedTask;
    private bool hadNames;

    private ExampleSetup(Example example, RedisServer redis, SweptApp? swept, NotifierApp app)
    {
        this.example = example;
        this.redis = redis;
        this.swept = swept;
        App = app;
    }

    public NotifierApp App { get; }

    public static async Task<ExampleSetup> SetAsync(Example example)
    {
        string[] deeds = [.. example.Lines.Where(line => line.Actor == Actor.SomebodyElse).Select(line => line.Text)];
        string[] settings = [.. deeds.Select(deed => Settings().Match(deed)).Where(match => match.Success).SelectMany(match => match.Groups["settings"].Value.Split(' '))];
        var acl = deeds.FirstOrDefault(deed => Acl().IsMatch(deed));
        var redis = acl is null ? await RedisServer.StartAsync() : await RestrictedRedis.StartAsync(AclChannels(acl));
        var swept = deeds.Any(deed => Seconds().IsMatch(deed)) ? await SweptApp.StartAsync(redis.Configuration, Listen.Plain, settings) : null;
        var app = swept is not null ? swept.App
            : acl is not null ? await RestrictedRedis.ConnectAsync(redis, settings)
            : await NotifierApp.StartAsync(redis.Configuration, settings: settings);
        return new ExampleSetup(example, redis, swept, app);
    }

    /// <summary>The path and headers with which the example connects.</summary>
    public (string Path, string Headers) Handshake()
    {
        var (path, offered, origin) = Opening(example);
        return (path, (offered is null ? "" : $"Sec-WebSocket-Protocol: {offered}\r\n") + (origin is null ? "" : $"Origin: {origin}\r\n"));
    }

    /// <summary>The path, the offered subprotocols and the origin, as the example says or as is usual for its kind.</summary>
    public static (string Path, string? Offered, string? Origin) Opening(Example example)
    {
        var said = example.Lines.Where(line => line.Actor == Actor.SomebodyElse).Select(line => Connect().Match(line.Text)).FirstOrDefault(match => match.Success);
        return (said?.Groups["path"].Value ?? "/ws", Said("offered") ?? (example.Kind == "notifier" ? NotifierV1.Subprotocol : null), Said("origin"));

        string? Said(string what) => said?.Groups[what] is { Success: true } group ? group.Value : null;
    }

    /// <summary>Runs one action of the example. Actions of the setup have already run.</summary>
    public async Task DoAsync(string deed)
    {
        if (deed.StartsWith("redis-cli PUBLISH ", StringComparison.Ordinal))
            await PublishAsync(ExampleText.Arguments(deed)[2..]);
        else if (Acl().IsMatch(deed))
            await redis.Server.ExecuteAsync("ACL", ["SETUSER", "app", "resetchannels", .. AclChannels(deed)]);
        else if (deed == "redis-cli FLUSHALL")
            await redis.Server.FlushAllDatabasesAsync();
        else if (Curl().Match(deed) is { Success: true } curl)
            await PostAsync(curl.Groups["path"].Value, curl.Groups["body"].Value);
        else if (deed == "stop redis")
            await StopRedisAsync();
        else if (deed == "start redis")
            await StartRedisAsync();
        else if (deed == "stop the server")
            stopping = App.StopAsync();
        else if (deed == "somebody else is connected")
            others.Add(await RawWebSocket.ConnectAsync(App.WebSocketAddress()));
        else if (Seconds().Match(deed) is { Success: true } seconds)
            await PassSecondsAsync(int.Parse(seconds.Groups["seconds"].ValueSpan));
        else if (Flood().Match(deed) is { Success: true } flood)
            await FloodAsync(flood.Groups["channel"].Value, int.Parse(flood.Groups["count"].ValueSpan), int.Parse(flood.Groups["bytes"].ValueSpan));
        else if (!Settings().IsMatch(deed) && !Connect().IsMatch(deed))
            throw new FormatException($"The example at line {example.At} has a line that nobody can do: {deed}");
    }

    public async ValueTask DisposeAsync()
    {
        await others.DisposeAllAsync();
        await stopping;
        await (swept?.DisposeAsync() ?? App.DisposeAsync());
        await redis.DisposeAsync();
    }

    private async Task PublishAsync(byte[][] arguments)
    {
        if (example.Kind == "plain")
            await WhenNamesAreLiveAsync();
        if (example.Lines.Any(line => line.Text.Contains("\"after\":", StringComparison.Ordinal)))
        {
            // The client is disconnected, so only the neighbour shows that the server has the message.
            await using var neighbour = await JsonClient.ConnectAsync(App);
            await neighbour.SubscribeAsync("channel", Encoding.UTF8.GetString(arguments[0]));
            await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal(arguments[0]), arguments[1]);
            await neighbour.ReadAsync();
            return;
        }
        await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal(arguments[0]), arguments[1]);
    }

    private async Task PostAsync(string path, string body)
    {
        var answer = await App.PostAsync(path, body);
        if (answer.Status != 200)
            throw new InvalidOperationException($"{path} was answered with {answer.Status}: {answer.Body}");
    }

    /// <summary>Plain text has no confirmation, so this waits until Redis has the subscriptions.</summary>
    private async Task WhenNamesAreLiveAsync()
    {
        var names = example.Lines.Where(line => line.Actor == Actor.Client).Select(line => Name.Parse(line.Text))
            .Concat(NameInPath().Matches(Handshake().Path).Select(match => Name.Parse(match.Groups["name"].Value))).ToList();
        var patterns = names.Count(name => name.Kind == NameKind.Pattern);
        await Eventually.IsAsync(
            async () => (await redis.ChannelsAsync()).Length == names.Count - patterns && await redis.PatternsAsync() == patterns,
            $"Redis has {string.Join(", ", names)}");
    }

    private async Task StartRedisAsync()
    {
        await redis.StartHostAsync();
        await Eventually.IsAsync(() => App.Log.Says("Redis is back"), "the server has noticed");
        if (hadNames)
            await Eventually.IsAsync(() => App.Log.Says("messages may have been lost"), "the gaps are recorded");
    }

    private async Task StopRedisAsync()
    {
        hadNames = App.Hub.NameCount > 0;
        await redis.KillAsync();
        await Eventually.IsAsync(() => App.Log.Says("Redis does not answer"), "the server has noticed");
    }

    private async Task PassSecondsAsync(int seconds)
    {
        await swept!.WhenThereAreAsync(1);
        await swept.AdvanceAsync(seconds, swept.WhenActionsHaveRunAsync);
    }

    /// <summary>Publishes no faster than a neighbour reads, so that the server has received everything and its log has moved on.</summary>
    private async Task FloodAsync(string channel, int count, int bytes)
    {
        const int burst = 50;
        if (example.Kind == "plain")
            await WhenNamesAreLiveAsync();
        await using var neighbour = await JsonClient.ConnectAsync(App);
        await neighbour.SubscribeAsync("channel", channel);
        for (var sent = 0; sent < count; sent += burst)
        {
            await redis.PublishAllAsync(channel, Enumerable.Repeat((RedisValue)new string('x', bytes), burst));
            for (var n = 0; n < burst; n++)
                await neighbour.ReadAsync();
        }
    }

    private static string[] AclChannels(string acl) => Acl().Match(acl).Groups["channels"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex("^the server has (?<settings>\\S+=\\S+( \\S+=\\S+)*)$")]
    private static partial Regex Settings();

    [GeneratedRegex("^connect to (?<path>/\\S*)( offering (?<offered>.+?))?( from the origin (?<origin>\\S+))?$")]
    private static partial Regex Connect();

    [GeneratedRegex("[?&](channel|pattern)=(?<name>[^&]+)")]
    private static partial Regex NameInPath();

    [GeneratedRegex("^redis-cli ACL SETUSER app resetchannels(?<channels>( &\\S+)*)$")]
    private static partial Regex Acl();

    [GeneratedRegex("^curl -d \"(?<body>[^\"]*)\" http://localhost:8081(?<path>/\\S+)$")]
    private static partial Regex Curl();

    [GeneratedRegex("^(?<seconds>\\d+) seconds pass$")]
    private static partial Regex Seconds();

    [GeneratedRegex("^the client stops reading, (?<count>\\d+) messages of (?<bytes>\\d+) bytes are published on (?<channel>\\S+), it reads on$")]
    private static partial Regex Flood();
}
