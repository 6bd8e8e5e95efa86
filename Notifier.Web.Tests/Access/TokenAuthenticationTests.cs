using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Access;
using Notifier.Access.Tokens;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>The tokens that Notifier accepts, and the access that each grants.</summary>
public sealed class TokenAuthenticationTests
{
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    private DateTimeOffset Now => time.GetUtcNow();

    private TokenOptions Hmac { get; } = new() { Secret = TestToken.Secret, Audience = TestToken.Audience, Issuer = TestToken.Issuer };

    [Fact]
    public async Task A_token_grants_the_names_that_it_lists_to_its_subject_until_it_expires()
    {
        var payload = TestToken.Payload(Now.AddMinutes(5), "orders.42.*", "news");
        payload["publish"] = new JsonArray("chat.42");

        var (caller, refusal) = await IdentifyAsync(Hmac, TestToken.Sign(payload));

        refusal.Should().BeNull();
        (caller!.Subject, caller.ExpiresAt).Should().Be(("42", Now.AddMinutes(5)));
        caller.SubscribeGrant.Check(Name.Channel("orders.42.items")).Should().BeNull();
        caller.SubscribeGrant.Check(Name.Channel("news")).Should().BeNull();
        caller.SubscribeGrant.Check(Name.Pattern("orders.*")).Should().NotBeNull();
        caller.SubscribeGrant.Check(Name.Channel("chat.42")).Should().NotBeNull();
        caller.PublishGrant.Check(Name.Channel("chat.42")).Should().BeNull();
    }

    [Theory]
    [InlineData("""{"exp":-31}""", "the token has expired")]
    [InlineData("""{"exp":null}""", "the token has no expiry (exp)")]
    [InlineData("""{"nbf":31}""", "the token is not valid yet (nbf)")]
    [InlineData("""{"nbf":400}""", "the token expires before it becomes valid (exp, nbf)")]
    [InlineData("""{"aud":"other"}""", "the token is not for this server (aud)")]
    [InlineData("""{"aud":null}""", "the token is not for this server (aud)")]
    [InlineData("""{"iss":"https://evil.example"}""", "the token is from another issuer (iss)")]
    [InlineData("""{"iss":null}""", "the token is from another issuer (iss)")]
    [InlineData("""{"subscribe":"news"}""", "the token's subscribe is not an array of names")]
    [InlineData("""{"subscribe":["__keyspace@0__:x"]}""", "the token's subscribe has an invalid name: the channel is reserved: names that begin with __ or notifier: never reach a browser")]
    [InlineData("""{"publish":[7]}""", "the token's publish has an entry that is not a string")]
    public async Task An_invalid_token_is_rejected_with_the_reason(string change, string message)
    {
        var payload = TestToken.Payload(Now.AddMinutes(5), "news");
        foreach (var (claim, value) in JsonNode.Parse(change)!.AsObject())
            payload[claim] = claim is "exp" or "nbf" && value is not null ? Now.ToUnixTimeSeconds() + (long)value : value?.DeepClone();
        foreach (var missing in payload.Where(claim => claim.Value is null).ToList())
            payload.Remove(missing.Key);

        var (caller, refusal) = await IdentifyAsync(Hmac, TestToken.Sign(payload));

        (caller, refusal?.Kind, refusal?.Message).Should().Be((null, AccessRefusalKind.Unauthorized, message));
    }

    [Theory]
    [InlineData("typ", null, null)]
    [InlineData("typ", "\"jwt\"", null)]
    [InlineData("typ", "\"at+jwt\"", null)]
    [InlineData("typ", "\"application/at+JWT\"", null)]
    [InlineData("typ", "\"logout+jwt\"", "the token is of another type than JWT or at+jwt (typ)")]
    [InlineData("typ", "\"dpop+jwt\"", "the token is of another type than JWT or at+jwt (typ)")]
    [InlineData("typ", "\"\"", "the token is of another type than JWT or at+jwt (typ)")]
    [InlineData("crit", "[\"b64\"]", "the token requires an extension that this server does not know (crit)")]
    [InlineData("crit", "[]", "the token requires an extension that this server does not know (crit)")]
    public async Task A_token_of_another_type_or_with_an_unknown_extension_is_rejected(string parameter, string? value, string? message)
    {
        var token = TestToken.Sign(TestToken.Payload(Now.AddMinutes(5), "news"), change: header =>
        {
            header.Remove(parameter);
            if (value is not null)
                header[parameter] = JsonNode.Parse(value);
        });

        var (caller, refusal) = await IdentifyAsync(Hmac, token);

        (caller is null, refusal?.Message).Should().Be((message is not null, message));
    }

    [Theory]
    [InlineData(-29, null, 1)]
    [InlineData(300, 29, 300)]
    public async Task A_token_is_accepted_if_clocks_differ_by_less_than_30_seconds(int end, int? begin, int left)
    {
        var payload = TestToken.Payload(Now.AddSeconds(end), "news");
        if (begin is not null)
            payload["nbf"] = Now.ToUnixTimeSeconds() + begin;

        var (caller, _) = await IdentifyAsync(Hmac, TestToken.Sign(payload));

        caller!.ExpiresAt.Should().Be(Now.AddSeconds(left));
    }

    [Theory]
    [InlineData(253402300799, null)]
    [InlineData(253402300799, 0L)]
    [InlineData(253402300799, -62135596800)]
    public async Task A_token_with_the_earliest_possible_start_and_the_latest_possible_expiry_is_accepted(long end, long? begin)
    {
        var payload = TestToken.Payload(Now, "news");
        payload["exp"] = end;
        if (begin is not null)
            payload["nbf"] = begin;

        var (caller, refusal) = await IdentifyAsync(Hmac, TestToken.Sign(payload));

        (caller?.ExpiresAt?.ToUnixTimeSeconds(), refusal).Should().Be((end, null));
    }

    [Fact]
    public async Task An_accepted_token_is_rejected_after_it_expires()
    {
        var token = TestToken.Of(Now.AddSeconds(60), "news");
        (await IdentifyAsync(Hmac, token)).Caller.Should().NotBeNull();

        time.Advance(TimeSpan.FromSeconds(91));

        (await IdentifyAsync(Hmac, token)).Refusal!.Message.Should().Be("the token has expired");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a.b")]
    [InlineData("a.b.c")]
    [InlineData("\u001b[31m.\n.\0")]
    public async Task A_malformed_token_is_rejected_and_not_repeated_in_the_message(string text)
    {
        var (_, refusal) = await IdentifyAsync(Hmac, text);

        refusal!.Message.Should().Be("the token is malformed");
        (await IdentifyAsync(Hmac, new string('x', 100_000))).Refusal!.Message.Should().Be("the token is malformed");
    }

    [Theory]
    [InlineData("42", "user.42.a", true)]
    [InlineData("42", "user.43.a", false)]
    [InlineData("*", "user.42.a", false)]
    [InlineData("*", "user.*.a", true)]
    [InlineData("4?", "user.42.a", false)]
    [InlineData("[0-9]2", "user.42.a", false)]
    [InlineData(@"4\", @"user.4\.a", true)]
    [InlineData("^]-", "user.^]-.a", true)]
    [InlineData("", "user..a", false)]
    [InlineData(null, "user..a", false)]
    [InlineData("a\u0001b", "user.a\u0001b.a", false)]
    public async Task A_claim_in_a_name_template_is_literal_text_and_never_a_wildcard(string? subject, string channel, bool allowed)
    {
        var options = new TokenOptions
        {
            Secret = Hmac.Secret,
            Audience = Hmac.Audience,
            Subscribe = ["user.{sub}.*", "inbox.{sub}", "of.{tenant}.{sub}.*"],
        };
        var payload = TestToken.Payload(Now.AddMinutes(5));
        payload["sub"] = subject;
        if (subject is null)
            payload.Remove("sub");

        var (caller, refusal) = await IdentifyAsync(options, TestToken.Sign(payload));

        refusal.Should().BeNull();
        (caller!.SubscribeGrant.Check(Name.Channel(channel)) is null).Should().Be(allowed);
        caller.SubscribeGrant.Check(Name.Pattern("user.*")).Should().NotBeNull();
        caller.SubscribeGrant.Check(Name.Pattern("inbox.*")).Should().NotBeNull("the value of a claim does not turn a channel into a pattern");
        caller.SubscribeGrant.Check(Name.Pattern("of.*")).Should().NotBeNull("the claim is missing");
    }

    [Fact]
    public async Task A_token_with_an_audience_is_rejected_if_no_audience_is_configured()
    {
        var options = new TokenOptions { Secret = TestToken.Secret };
        var payload = TestToken.Payload(Now.AddMinutes(5), "news");
        (await IdentifyAsync(options, TestToken.Sign(payload))).Refusal!.Message.Should().Contain("Access:Tokens:Audience");

        payload.Remove("aud");

        (await IdentifyAsync(options, TestToken.Sign(payload))).Caller.Should().NotBeNull();
    }

    [Fact]
    public async Task The_documented_asp_net_core_recipe_creates_a_valid_token()
    {
        const string id = "42";
        var signed = new Microsoft.IdentityModel.JsonWebTokens.JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new Microsoft.IdentityModel.Tokens.SecurityTokenDescriptor
        {
            Audience = TestToken.Audience,
            Expires = Now.AddMinutes(5).UtcDateTime,
            Claims = new Dictionary<string, object> { ["sub"] = id, ["subscribe"] = new[] { $"user.{id}.*" } },
            SigningCredentials = new(
                new Microsoft.IdentityModel.Tokens.SymmetricSecurityKey(Encoding.UTF8.GetBytes(TestToken.Secret)),
                Microsoft.IdentityModel.Tokens.SecurityAlgorithms.HmacSha256),
        });

        var (caller, refusal) = await IdentifyAsync(new TokenOptions { Secret = Hmac.Secret, Audience = Hmac.Audience }, signed);

        refusal.Should().BeNull();
        caller!.SubscribeGrant.Check(Name.Channel("user.42.orders")).Should().BeNull();
    }

    private Task<AuthenticationResult> IdentifyAsync(TokenOptions tokens, string token) => TestToken.IdentifyAsync(tokens, token, time);
}
