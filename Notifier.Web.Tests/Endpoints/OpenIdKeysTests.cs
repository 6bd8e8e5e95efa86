using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Notifier.Access.Tokens;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>An OpenID Connect provider signs the tokens, and Notifier fetches its keys (<c>Access:Tokens:Authority</c>).</summary>
public sealed class OpenIdKeysTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Unknown = "the token is not signed with a key that this server knows";
    private const string Unreachable = "the token cannot be verified: the server cannot reach the authority; try again";

    private static DateTimeOffset Soon => DateTimeOffset.UtcNow.AddMinutes(5);

    [Fact]
    public async Task A_token_of_the_provider_is_accepted_with_its_grants_and_the_keys_are_fetched_once()
    {
        await using var provider = await OpenIdProvider.StartAsync();
        await using var app = await StartAsync(provider.Address);

        for (var n = 0; n < 3; n++)
        {
            await using var client = await JsonClient.ConnectAsync(app, headers: $"Authorization: Bearer {provider.Token(Soon, "authority.*")}\r\n");
            await client.SubscribeAsync("channel", "authority.own");
            ((string?)(await client.AskAsync("""{"type":"subscribe","channel":"other"}"""))["code"]).Should().Be("forbidden");
        }

        provider.KeysAsked.Should().Be(1);
    }

    [Fact]
    public async Task A_token_of_another_provider_audience_or_signer_is_rejected()
    {
        await using var provider = await OpenIdProvider.StartAsync();
        await using var other = await OpenIdProvider.StartAsync();
        await using var app = await StartAsync(provider.Address);
        var elsewhere = TestToken.Payload(Soon, "*");
        elsewhere["aud"] = "another application";
        var asHmac = TestToken.Payload(Soon, "*");
        asHmac["iss"] = provider.Address;

        foreach (var (token, message) in new[]
        {
            (other.Sign(TestToken.Payload(Soon, "*"), "first", provider.Address), Unknown),
            (other.Sign(TestToken.Payload(Soon, "*"), "second", provider.Address), Unknown),
            (other.Sign(TestToken.Payload(Soon, "*"), "second"), "the token is from another issuer (iss)"),
            (provider.Sign(elsewhere, "first"), "the token is not for this server (aud)"),
            (TestToken.Sign(asHmac, keyId: "first"), Unknown),
            (TestToken.Sign(asHmac, "none", static _ => [], "first"), Unknown),
        })
            (await TryAsync(app, token)).Should().Be($"4401: {message}");
        (await TryAsync(app, provider.Token(Soon, "*"))).Should().Be("authenticated: ");
    }

    [Fact]
    public async Task An_unknown_signing_key_is_fetched_and_its_tokens_are_accepted()
    {
        await using var provider = await OpenIdProvider.StartAsync();
        await using var app = await StartAsync(provider.Address);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.AuthenticateAsync(provider.Token(Soon, "authority.*"));
        var old = provider.Token(Soon, "authority.*");

        provider.Rotate(to: "second");

        (await TryAsync(app, provider.Token(Soon, "authority.*"))).Should().Be("authenticated: ");
        provider.KeysAsked.Should().Be(2);
        (await TryAsync(app, old)).Should().Be($"4401: {Unknown}", "the provider has withdrawn that key");
    }

    [Fact]
    public async Task New_provider_keys_are_noticed_within_30_seconds_and_withdrawn_keys_after_an_hour()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        DateTimeOffset Later() => time.GetUtcNow().AddMinutes(5);
        await using var provider = await OpenIdProvider.StartAsync();
        await using var app = await StartAsync(provider.Address, time);
        var tokens = app.Services.GetRequiredService<TokenAuthentication>();
        async Task<bool> IsGoodAsync(string token) => (await tokens.AuthenticateAsync(token)).Caller is not null;
        (await IsGoodAsync(provider.Token(Later(), "*"))).Should().BeTrue();

        provider.Rotate(to: "second");
        (await IsGoodAsync(provider.Token(Later(), "*"))).Should().BeTrue();
        provider.Rotate(to: "third");
        (await IsGoodAsync(provider.Token(Later(), "*"))).Should().BeFalse("Notifier fetched the keys a moment ago");
        time.Advance(TimeSpan.FromSeconds(30));
        (await IsGoodAsync(provider.Token(Later(), "*"))).Should().BeTrue();

        var asked = provider.KeysAsked;
        var withdrawn = provider.Token(time.GetUtcNow().AddHours(2), "*");
        provider.Rotate(to: "fourth");
        (await IsGoodAsync(withdrawn)).Should().BeTrue("Notifier has not fetched the keys yet");
        time.Advance(TimeSpan.FromHours(1));
        await Eventually.IsAsync(async () => !await IsGoodAsync(withdrawn), "a token with a withdrawn key is rejected");
        provider.KeysAsked.Should().BeInRange(asked + 1, asked + 2);
    }

    [Theory]
    [InlineData("what is this")]
    [InlineData("""{"keys":[]}""")]
    [InlineData("""{"keys":[{"kty":"oct","kid":"first","k":"dGhlIHNlY3JldCBvZiB0aGUgdGVzdHMsIGxvbmcgZW5vdWdo"}]}""")]
    [InlineData("""{"keys":[{"kty":"RSA","kid":"first","n":"!","e":"!"}]}""")]
    public async Task A_provider_that_lists_no_public_key_counts_as_unavailable(string keys)
    {
        await using var provider = await OpenIdProvider.StartAsync();
        provider.Keys = keys;
        await using var app = await StartAsync(provider.Address);

        (await TryAsync(app, provider.Token(Soon, "*"))).Should().Be($"unavailable: {Unreachable}");
    }

    [Fact]
    public async Task Made_up_key_ids_do_not_make_the_server_fetch_keys_repeatedly()
    {
        await using var provider = await OpenIdProvider.StartAsync();
        await using var forger = await OpenIdProvider.StartAsync();
        await using var app = await StartAsync(provider.Address, "Limits:CommandBurst=1000");

        for (var n = 0; n < 30; n++)
            (await TryAsync(app, forger.Sign(TestToken.Payload(Soon, "*"), $"made up {n}", provider.Address))).Should().Be($"4401: {Unknown}");

        provider.KeysAsked.Should().Be(2, "Notifier fetches keys on first use, and once for the first unknown key");
    }

    [Fact]
    public async Task Tokens_are_rejected_as_unavailable_while_the_provider_is_down_and_accepted_afterwards()
    {
        var port = FreePort.Next();
        await using var app = await StartAsync($"http://127.0.0.1:{port}");
        await using var early = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: "Authorization: Bearer a.b.c\r\n");

        var close = await early.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4503, Unreachable));
        (await TryAsync(app, "a.b.c")).Should().Be($"unavailable: {Unreachable}");
        app.Log.Says("The keys of Access:Tokens:Authority cannot be fetched").Should().BeTrue();

        await using var provider = await OpenIdProvider.StartAsync(port);
        await Eventually.IsAsync(async () => await TryAsync(app, provider.Token(Soon, "authority.*")) == "authenticated: ", "the provider is asked again");
    }

    [Fact]
    public async Task A_provider_that_has_never_answered_is_asked_less_and_less_often()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var provider = await OpenIdProvider.StartAsync();
        provider.Keys = "what is this";
        await using var app = await StartAsync(provider.Address, time);
        var tokens = app.Services.GetRequiredService<TokenAuthentication>();
        var asked = new List<int>();

        for (var second = 0; second < 100; second++)
        {
            for (var n = 0; n < 10; n++)
                (await tokens.AuthenticateAsync("a.b.c")).Refusal!.Message.Should().Be(Unreachable);
            asked.Add(provider.KeysAsked);
            time.Advance(TimeSpan.FromSeconds(1));
        }

        asked[0].Should().Be(1, "further clients do not cause requests");
        asked[1].Should().Be(2, "the first pause is one second");
        asked[^1].Should().BeInRange(5, 9, "each pause is twice as long, up to 30 s");
        provider.Keys = null;
        time.Advance(TimeSpan.FromSeconds(30));
        (await tokens.AuthenticateAsync(provider.Token(time.GetUtcNow().AddMinutes(5), "*"))).Caller.Should().NotBeNull();
    }

    /// <summary>The library lets waiting callers ask one after the other, so the hundredth would wait for minutes.</summary>
    [Fact]
    public async Task Clients_wait_no_longer_than_one_timeout_for_a_provider_that_does_not_answer()
    {
        await using var provider = await OpenIdProvider.StartAsync();
        var answer = new TaskCompletionSource();
        provider.Hold = answer.Task;
        await using var app = await StartAsync(provider.Address);
        var watch = System.Diagnostics.Stopwatch.StartNew();

        var closes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            await using var client = await RawWebSocket.ConnectAsync(
                app.WebSocketAddress(), headers: $"Authorization: Bearer {provider.Token(Soon, "*")}\r\n");
            return await client.ReadUntilCloseAsync();
        }));
        watch.Stop();
        answer.SetResult();

        closes.Should().AllSatisfy(close => (close.CloseCode, close.CloseText).Should().Be((4503, Unreachable)));
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(40), "all clients share one timeout of 5 s; one timeout each would be 100 s");
    }

    private Task<NotifierApp> StartAsync(string authority, params string[] settings) => StartAsync(authority, TimeProvider.System, settings);

    private Task<NotifierApp> StartAsync(string authority, TimeProvider time, params string[] settings) => NotifierApp.StartAsync(
        fixture.Redis.Configuration,
        time: time,
        settings: ["environment=Production", $"Access:Tokens:Authority={authority}", $"Access:Tokens:Audience={TestToken.Audience}", .. settings]);

    /// <returns>The answer's code or type, or the close code, and the message.</returns>
    private static async Task<string> TryAsync(NotifierApp app, string token)
    {
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SendAsync($$"""{"type":"auth","token":"{{token}}"}""");
        var frame = await client.Socket.ReadMessageAsync();
        if (frame.Opcode == Frame.CloseOpcode)
            return $"{frame.CloseCode}: {frame.CloseText}";
        var answer = JsonNode.Parse(frame.Text)!;
        return $"{answer["code"] ?? answer["type"]}: {answer["message"]}";
    }
}
