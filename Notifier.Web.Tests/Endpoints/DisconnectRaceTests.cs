using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// A backend disconnects a subject whose client is still connecting. The client's access was checked before the disconnect, and its
/// connection is registered afterwards. Notifier must not keep that connection.
/// </summary>
public sealed class DisconnectRaceTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Key = "the key of the tests, plain";
    private const string Disconnected = "disconnected by an operator";

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_client_whose_subject_is_disconnected_during_its_callback_is_closed()
    {
        await using var application = await Application.StartAsync();
        await using var app = await StartAsync(application);
        var answer = HoldAnswer(application, """{"sub":"42","subscribe":["*"],"expiresIn":300}""");
        var coming = RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=race.ws"), headers: "Cookie: session=1\r\n");
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/events?channel=race.events"));
        request.Headers.TryAddWithoutValidation("Cookie", "session=2");
        var streaming = http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await Eventually.IsAsync(() => application.Asked.Count == 2, "Notifier asks the application about both clients");

        await DisconnectAsync(app, "42");
        answer.SetResult();

        await using var client = await coming;
        var close = await client.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4403, Disconnected));
        using var stream = await streaming;
        (await stream.Content.ReadAsStringAsync().WaitAsync(Eventually.Limit)).Should().Contain("\"forbidden\"").And.Contain(Disconnected);
    }

    [Fact]
    public async Task A_disconnect_does_not_affect_another_subject_and_a_disconnected_client_is_checked_again()
    {
        await using var application = await Application.StartAsync();
        await using var app = await StartAsync(application, "Access:Callback:CacheFor=00:01:00");
        var answer = HoldAnswer(application, """{"sub":"43","subscribe":["race.*"],"expiresIn":300}""");
        var coming = RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=race.other"), headers: "Cookie: session=1\r\n");
        await Eventually.IsAsync(() => application.Asked.Count == 1, "Notifier asks the application");

        await DisconnectAsync(app, "42");
        answer.SetResult();
        await using var other = await coming;
        await other.IsLiveAsync(Redis, "race.other");

        // The application has ended the session and disconnects its client. Notifier must not reuse the application's earlier answer.
        application.Answer = Application.Status(401);
        await DisconnectAsync(app, "43");
        (await other.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
        await using var back = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=race.other"), headers: "Cookie: session=1\r\n");
        (await back.ReadUntilCloseAsync()).CloseCode.Should().Be(4401);
    }

    [Fact]
    public async Task A_client_that_connects_after_a_disconnect_does_not_share_a_callback_started_before_it()
    {
        await using var application = await Application.StartAsync();
        await using var app = await StartAsync(application);
        var answer = HoldAnswer(application, """{"sub":"42","subscribe":["race.*"],"expiresIn":300}""");
        var before = RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=race.two"), headers: "Cookie: session=1\r\n");
        await Eventually.IsAsync(() => application.Asked.Count == 1, "Notifier asks the application");

        await DisconnectAsync(app, "42");
        var after = RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=race.two"), headers: "Cookie: session=1\r\n");
        await Eventually.IsAsync(() => application.Asked.Count == 2, "Notifier asks the application again");
        answer.SetResult();

        await using var gone = await before;
        await using var stays = await after;
        (await gone.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
        await stays.IsLiveAsync(Redis, "race.two");
    }

    [Fact]
    public async Task A_token_that_is_checked_while_its_subject_is_disconnected_does_not_authenticate()
    {
        await using var provider = await OpenIdProvider.StartAsync();
        var answer = new TaskCompletionSource();
        provider.Hold = answer.Task;
        // The test's clock does not move, so the request to the provider does not time out.
        await using var app = await StartAsync(
            [$"Access:Tokens:Authority={provider.Address}", $"Access:Tokens:Audience={TestToken.Audience}"], new FakeTimeProvider(DateTimeOffset.UtcNow));
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SendAsync($$"""{"type":"auth","token":"{{provider.Token(DateTimeOffset.UtcNow.AddMinutes(5), "race.*")}}"}""");
        await Eventually.IsAsync(() => provider.DescriptionsAsked == 1, "Notifier asks the provider");

        await DisconnectAsync(app, "42");
        answer.SetResult();

        var close = await client.Socket.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4403, Disconnected));
    }

    private Task<NotifierApp> StartAsync(Application application, params string[] settings) =>
        StartAsync([$"Access:Callback:Url={application.Address}/notifier", "Access:Callback:Timeout=00:00:20", .. settings]);

    private async Task<NotifierApp> StartAsync(string[] settings, TimeProvider? time = null)
    {
        var app = await NotifierApp.StartAsync(
            Redis.Configuration, time: time, settings: ["environment=Production", "Access:ApiKeys:0:Name=backend", $"Access:ApiKeys:0:Secret={Key}", "Access:ApiKeys:0:Disconnect=true", .. settings]);
        await Eventually.IsAsync(async () => await Redis.SubscribersAsync("notifier:disconnect") == 1, "the node is subscribed");
        return app;
    }

    private static TaskCompletionSource HoldAnswer(Application application, string json)
    {
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        application.Answer = async context =>
        {
            await hold.Task;
            await Application.Grant(json)(context);
        };
        return hold;
    }

    /// <summary>Returns after the node has processed the disconnect.</summary>
    private static async Task DisconnectAsync(NotifierApp app, string subject)
    {
        int Done() => app.Log.Lines.Count(static line => line.Text.StartsWith("A backend disconnected ", StringComparison.Ordinal));
        var before = Done();
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Add("X-Api-Key", Key);
        using var response = await http.PostAsync(new Uri(app.Address, "/disconnect"), new StringContent($$"""{"sub":"{{subject}}"}"""));
        response.EnsureSuccessStatusCode();
        await Eventually.IsAsync(() => Done() == before + 1, "the node has disconnected the subject");
    }
}
