using FluentAssertions;
using Notifier.Access;
using Notifier.Tests.Endpoints;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>
/// docs/access.md describes each source of grants and each kind of credentials, and docs/security.md names a test against their abuse. The switches
/// have no default, so the compiler asks here for the places of a new one.
/// </summary>
public sealed class GrantSourceTests
{
    private static readonly string[] AccessPage = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "docs", "access.md"));

    [Fact]
    public void Each_grant_source_has_a_section_on_the_access_page_and_a_test_on_the_security_page()
    {
        var places = GrantSources.All.Select(static source => PlacesOf(source)).ToList();

        places.Select(static place => $"## {place.Section}").Except(AccessPage)
            .Should().BeEmpty("docs/access.md must describe each GrantSource: add these sections");
        Untested(places.Select(static place => place.Test))
            .Should().BeEmpty("docs/security.md must name a test against the abuse of each GrantSource: add rows with these");
    }

    [Fact]
    public void Each_kind_of_credentials_has_a_row_on_the_access_page_and_a_test_on_the_security_page()
    {
        var places = Enum.GetValues<CredentialsKind>().Select(PlacesOf).ToList();
        var rows = AccessPage.Where(static line => line.StartsWith('|')).Select(static line => line.Split('|', StringSplitOptions.TrimEntries)[1]);

        places.Select(static place => place.Row).Except(rows)
            .Should().BeEmpty("docs/access.md, \"Which credentials count\", must say what each CredentialsKind is for: add rows that begin with these");
        Untested(places.Select(static place => place.Test))
            .Should().BeEmpty("docs/security.md must name a test against the abuse of each CredentialsKind: add rows with these");
    }

    private static IEnumerable<string> Untested(IEnumerable<string> tests) =>
        tests.Where(static test => !SecurityPageTests.Rows.Any(row => ((string)row[2]).Contains($"`{test}`", StringComparison.Ordinal)));

    /// <summary>The source's section of docs/access.md, and a test on docs/security.md against its abuse.</summary>
    private static (string Section, string Test) PlacesOf(GrantSource source) => source switch
    {
        GrantSource.ApiKeys => ("API keys for backends", nameof(ApiKeyTests.A_backend_subscribes_with_its_api_key_without_an_expiry_and_an_unknown_key_is_rejected)),
        GrantSource.Callback => ("Callback: your application's sessions", nameof(CallbackTests.A_callback_rejection_or_failure_closes_with_its_own_code_and_never_grants_anonymous_access)),
        GrantSource.Tokens => ("Tokens (JWT)", nameof(TokenKeyTests.A_token_with_another_algorithm_or_key_than_the_configured_one_is_rejected)),
    };

    /// <summary>The first cell of the kind's row in docs/access.md, and a test on docs/security.md against its abuse.</summary>
    private static (string Row, string Test) PlacesOf(CredentialsKind kind) => kind switch
    {
        CredentialsKind.None => ("none of these", nameof(ExpiryTests.A_client_without_anonymous_access_is_closed_unless_it_authenticates_within_10_seconds)),
        CredentialsKind.ApiKey => ("`X-Api-Key: …`", nameof(ApiKeyTests.A_backend_may_publish_only_what_its_api_key_allows)),
        CredentialsKind.Bearer => ("`Authorization: Bearer …`", nameof(TokenPlacementTests.A_valid_token_applies_wherever_it_is_sent_and_an_invalid_one_is_rejected_despite_open_access)),
        CredentialsKind.Token => ("the subprotocol `bearer.…`", nameof(TokenPlacementTests.A_valid_token_applies_wherever_it_is_sent_and_an_invalid_one_is_rejected_despite_open_access)),
        CredentialsKind.Query => ("`?access_token=…`", nameof(TokenPlacementTests.A_token_in_the_address_is_rejected_by_default_and_the_close_names_the_setting)),
        CredentialsKind.Malformed => ("several `Authorization` headers, at least one of them `Bearer`", nameof(TokenPlacementTests.A_malformed_authorization_header_is_rejected_and_not_treated_as_anonymous)),
    };
}
